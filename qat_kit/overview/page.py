"""The page: the verdict first, then what it rests on."""

from __future__ import annotations

from collections.abc import Sequence

from qat_kit.overview import cost_sections, device_sections, quality_sections
from qat_kit.overview.facts import Overview, RunFacts
from qat_kit.overview.parts import section, tile, wide_table
from qat_kit.overview.style import STYLE
from qat_kit.overview.weights import weights
from qat_kit.overview.words import (
    FLOAT,
    INT8,
    comparison_of,
    figure_name,
    interval_text,
    kernels_text,
    model_of,
    ratio_text,
    size_text,
    smaller_text,
    time_text,
    value_text,
    verdict_lines,
)
from qat_kit.report.charts import legend
from qat_kit.report.html import Element, element, page


def as_html(overview: Overview) -> str:
    """One file that needs no network and runs no script."""
    runs = overview.runs
    title = runs[0].title if len(runs) == 1 else f"{len(runs)} runs side by side"
    body: list[Element] = []
    if len(runs) == 1:
        body += [_header(runs[0], title), *_sections(runs[0], "")]
    else:
        body += [element("header", element("h1", title)), _side_by_side(runs)]
        plot = quality_sections.pareto(runs)
        if plot is not None:
            names = [(run.title, place) for place, run in enumerate(runs)]
            hint = element(
                "p", "Filled: int8. Hollow: float32. The dashed line joins what nothing beats.", class_="faint"
            )
            body += section("pareto", "Quality against cost", plot, legend(names), hint)
        for place, run in enumerate(runs):
            body += [element("h2", run.title, class_="run", id=f"run-{place}"), _verdict(run), _tiles(run)]
            body += _sections(run, f"run-{place}-", several=True)
    body.append(
        element("footer", f"qat-kit {overview.version}. This page holds all of its data and asks for no network.")
    )
    return page(title, element("main", *body), style=STYLE)


def _header(run: RunFacts, title: str) -> Element:
    about = run.manifest.description or f"{run.manifest.task or 'a model'}, scheme {run.manifest.scheme}"
    return element("header", element("h1", title), element("p", about, class_="faint"), _verdict(run), _tiles(run))


def _verdict(run: RunFacts) -> Element:
    kind = "verdict" if run.certificate.passed else "verdict failed"
    return element("div", *(element("p", line) for line in verdict_lines(run)), class_=kind)


def _tiles(run: RunFacts) -> Element:
    made = []
    int8, real, comparison = model_of(run, INT8), model_of(run, FLOAT), comparison_of(run)
    if int8 is not None and int8.quality is not None:
        name = int8.quality.headline
        figure = int8.quality.figures[name]
        more = interval_text(name, figure)
        if real is not None and real.quality is not None:
            more += f"; float32 {value_text(name, real.quality.figures[name].value)}"
        made.append(tile(f"{figure_name(name)} of int8", value_text(name, figure.value), more))
    if comparison is not None:
        more = f"{comparison.lost} lost, {comparison.gained} gained, of {comparison.num_samples}"
        made.append(tile("changed answers", str(comparison.flipped), more))
    if int8 is not None:
        more = "" if real is None else f"{smaller_text(int8, real)}; float32 {size_text(real.size_bytes)}"
        made.append(tile("size", size_text(int8.size_bytes), more))
        more = kernels_text(int8) if real is None else f"{ratio_text(int8, real)}, {kernels_text(int8)}"
        made.append(tile("median time", time_text(int8.latency.p50_ms), more))
    cost = run.costs.get(INT8)
    if cost is not None:
        energy = f"{cost.energy.low_uj:.2g}–{cost.energy.high_uj:.2g} µJ"
        made.append(tile("energy, an estimate", energy, f"{cost.macs:,} multiply-accumulates"))
    return element("div", *made, class_="tiles")


def _side_by_side(runs: Sequence[RunFacts]) -> Element:
    rows: list[list[Element | str]] = []
    for place, run in enumerate(runs):
        int8, real = model_of(run, INT8), model_of(run, FLOAT)
        quality = int8.quality if int8 else None
        name = quality.headline if quality else ""
        before = real.quality.figures.get(name) if real and real.quality else None
        proven = run.certificate.passed
        rows.append(
            [
                element("a", run.title, href=f"#run-{place}"),
                element("span", "proven" if proven else "not proven", class_=f"pill {'good' if proven else 'bad'}"),
                figure_name(name),
                "–" if before is None else value_text(name, before.value),
                "–" if quality is None else value_text(name, quality.figures[name].value),
                "–" if quality is None else interval_text(name, quality.figures[name]),
                "–" if int8 is None else size_text(int8.size_bytes),
                "–" if int8 is None else time_text(int8.latency.p50_ms),
                "–" if int8 is None or real is None else f"{int8.latency.p50_ms / real.latency.p50_ms:.2f}",
            ]
        )
    titles = ["run", "int8", "figure", "float32", "int8", "95 % interval", "size", "median time", "of float32's"]
    return wide_table(titles, rows, numbers=frozenset(range(3, 9)))


def _sections(run: RunFacts, prefix: str, *, several: bool = False) -> list[Element]:
    """All sections that this run has facts for; a line of links first."""
    quality = next((model.quality for model in run.measurement.models if model.quality), None)
    samples = "" if quality is None else f" on {quality.num_samples} test samples"
    notes = [*dict.fromkeys(note for model in run.measurement.models if model.quality for note in model.quality.notes)]
    made: list[tuple[str, str, Element | None]] = [
        ("models", f"Figures and cost{samples}", cost_sections.models_table(run)),
        ("trade", "Quality against cost", None if several else quality_sections.pareto([run])),
        ("outputs", "Every output", quality_sections.outputs(run)),
        ("paired", "int8 against float, on the same samples", quality_sections.paired_table(run)),
        ("confusion", "Which classes are taken for which", quality_sections.confusion(run)),
        ("curves", "Confidence", quality_sections.curves(run)),
        ("flips", "Answers that changed", quality_sections.flips(run)),
        ("robustness", "Under noise, blur, light and shift", quality_sections.robustness(run)),
        ("training", "Training", cost_sections.training(run)),
        ("layers", "Layer by layer", cost_sections.layers(run)),
        ("weights", "Weights on their grid", weights(run.weights)),
        ("cost", "Products, bytes, energy", cost_sections.costs_table(run)),
        ("kernels", "Kernel sets side by side", cost_sections.kernel_sets(run)),
        ("devices", "Devices side by side", device_sections.devices(run)),
        ("certificate", "Certificate", cost_sections.certificate(run)),
        ("reproduce", "To make it again", cost_sections.reproduce(run)),
    ]
    shown = [(f"{prefix}{anchor}", title, content) for anchor, title, content in made if content is not None]
    links = element(
        "nav", *(element("a", title, href=f"#{anchor}") for anchor, title, _ in shown), aria_label="sections"
    )
    parts: list[Element] = [links]
    for anchor, title, content in shown:
        parts += section(anchor, title, content)
        if anchor == f"{prefix}models":
            parts += [element("p", note, class_="faint") for note in notes]
    return parts
