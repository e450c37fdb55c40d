"""Sections on cost, training, layers and the proof."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from qat_kit.overview.facts import RunFacts
from qat_kit.overview.parts import card, cards, over, wide_table
from qat_kit.overview.words import commands, figure_name, interval_text, size_text, time_text, title_of, value_text
from qat_kit.report.charts import Point, Series, bars, chart, legend
from qat_kit.report.html import Element, element
from qat_kit.report.scales import scale_of

_LAYERS_AT_MOST, _TENSORS_AT_MOST = 40, 12
_POOR_DB = 20.0
_STATES = {"pass": "good", "fail": "bad", "warn": "float"}


def models_table(run: RunFacts) -> Element:
    """Every form of the model: figures, sizes, times."""
    quality = next((model.quality for model in run.measurement.models if model.quality), None)
    names = list(quality.figures)[:2] if quality else []
    rows: list[list[Element | str]] = []
    for model in run.measurement.models:
        figures = model.quality.figures if model.quality else {}
        latency, cost = model.latency, run.costs.get(model.name)
        cells: list[Element | str] = [element("span", title_of(model.name), class_="whole")]
        for name in names:
            figure = figures.get(name)
            cells.append(over(value_text(name, figure.value), interval_text(name, figure)) if figure else "–")
        rows.append(
            [
                *cells,
                size_text(model.size_bytes),
                "–" if cost is None else size_text(cost.size.gzip_bytes),
                over(time_text(latency.p50_ms), f"{time_text(latency.p50_low_ms)} – {time_text(latency.p50_high_ms)}"),
                time_text(latency.p90_ms),
                time_text(latency.p99_ms),
                "–" if latency.init_ms is None else time_text(latency.init_ms),
                f"{latency.kernel_set}×{latency.num_threads}",
            ]
        )
    titles = ["model", *map(figure_name, names), "size", "gzip", "median", "p90", "p99", "start", "kernels"]
    return wide_table(titles, rows, numbers=frozenset(range(1, len(titles) - 1)))


def costs_table(run: RunFacts) -> Element | None:
    """Products, bytes and energy of both files, and where the bytes of the int8 file are."""
    if not run.costs:
        return None
    rows: list[list[Element | str]] = [
        [
            element("span", title_of(name), class_="whole"),
            f"{cost.macs:,}",
            f"{cost.parameters:,}",
            size_text(cost.bytes_moved),
            f"{cost.size.bits_per_weight:.2f}",
            f"{cost.size.effective_bits_per_weight:.2f}",
            f"{cost.energy.low_uj:.3g} – {cost.energy.high_uj:.3g} µJ",
        ]
        for name, cost in run.costs.items()
    ]
    titles = ["file", "MACs", "parameters", "bytes moved", "bits a weight", "with gzip", "energy (estimate)"]
    table = wide_table(titles, rows, numbers=frozenset(range(1, 7)))
    source = next(iter(run.costs.values())).energy.source
    said = f"Energy is an estimate and no measurement: with all that is moved on the chip, or outside it. {source}."
    notes = [note for cost in run.costs.values() for note in (*cost.size.notes, *cost.notes)]
    made = [table, element("p", " ".join([said, *notes]), class_="faint")]
    int8 = run.costs.get("int8_tflite")
    if int8 is not None:
        tensors = int8.size.tensors[:_TENSORS_AT_MOST]
        lines = [
            (
                tensor.name.split(";")[0],
                tensor.stored_bytes,
                f"{tensor.name}: {tensor.stored_bytes:,} bytes {tensor.type}, {tensor.gzip_bytes:,} with gzip",
                False,
            )
            for tensor in tensors
        ]
        lines.append(("names, scales, the graph", int8.size.overhead_bytes, "what is no tensor's", False))
        picture = bars(lines, said=size_text, alt="where the bytes of the int8 file are")
        made.append(cards(card("Where the bytes of the int8 file are", picture, wide=True)))
    return element("div", *made)


def training(run: RunFacts) -> Element | None:
    """By epoch: loss of both trainings, and accuracy of the simulated model and of the real int8 file."""
    if run.history is None:
        return None
    stages = run.history.stages
    losses, accuracies = ("loss", "validation_loss"), ("simulated_accuracy", "int8_accuracy")
    drawn = (
        _by_epoch("Float training", stages.get("float", ()), losses, "loss"),
        _by_epoch("Training with quantization", stages.get("qat", ()), losses, "loss"),
        _by_epoch("Simulated and real int8 accuracy", stages.get("qat", ()), accuracies, "accuracy", percent=True),
    )
    made = [each for each in drawn if each is not None]
    return cards(*made) if made else None


def _by_epoch(
    title: str, epochs: Sequence[Mapping[str, float]], kinds: Sequence[str], label: str, *, percent: bool = False
) -> Element | None:
    kinds = [kind for kind in kinds if sum(kind in epoch for epoch in epochs) > 1]
    values = [epoch[kind] for epoch in epochs for kind in kinds if kind in epoch and epoch[kind] > 0]
    if not values:
        return None
    series = [
        Series(
            name=kind.replace("_", " "),
            points=[
                Point(x=number, y=epoch[kind], text=f"epoch {number}: {epoch[kind]:.4g}")
                for number, epoch in enumerate(epochs, 1)
                if kind in epoch
            ],
            joined=True,
            dots=len(epochs) <= 20,
            colour=place,
        )
        for place, kind in enumerate(kinds)
    ]
    logarithmic = not percent and max(values) / min(values) > 8
    x = replace(scale_of([1, len(epochs)], "epoch"), whole=True)
    y = scale_of(values, label, logarithmic=logarithmic, percent=percent)
    alt = f"{title}: {label} over {len(epochs)} epochs, {values[0]:.3g} to {values[-1]:.3g}"
    return card(title, chart(x, y, series, alt=alt), legend([(each.name, each.colour) for each in series]))


def layers(run: RunFacts) -> Element | None:
    """Signal over quantization noise, layer by layer in the order of the file."""
    if run.layers is None:
        return None
    ordered = sorted(run.layers.layers, key=lambda layer: layer.index)[:_LAYERS_AT_MOST]
    rows = [
        (
            layer.layer,
            max(0.0, layer.sqnr_db) if math.isfinite(layer.sqnr_db) else 100.0,
            f"{layer.layer} ({layer.op}): {layer.sqnr_db:.1f} dB, {layer.saturated:.2%} cut off, {layer.range_use:.0%} "
            f"of the range used. {layer.remedy}",
            layer.sqnr_db < _POOR_DB,
        )
        for layer in ordered
    ]
    picture = bars(rows, said="{:.1f} dB".format, alt="signal over quantization noise of each layer")
    note = f"{run.layers.num_samples} samples, {run.layers.kernel_set} kernels; red below {_POOR_DB:g} dB."
    return cards(card("Signal over quantization noise", picture, wide=True, note=note))


def kernel_sets(run: RunFacts) -> Element | None:
    """What LiteRT's kernel sets answer to the golden inputs."""
    if not run.kernel_sets:
        return None
    first = run.kernel_sets[0].kernel_set
    rows: list[list[Element | str]] = [
        [
            each.kernel_set,
            each.refusal or f"{each.num_differing} of {each.num_values} differ from {first}",
            f"{each.largest:g}",
        ]
        for each in run.kernel_sets
    ]
    return wide_table(
        ["kernel set", "outputs for the golden inputs", "at most, in steps"], rows, numbers=frozenset({2})
    )


def certificate(run: RunFacts) -> Element:
    """Every check."""
    rows: list[list[Element | str]] = [
        [
            element("span", check.state.replace("_", " "), class_=f"pill {_STATES.get(check.state, 'faint')}"),
            check.name,
            element("div", check.rule, *([element("div", said, class_="faint")] if (said := _said(check)) else [])),
        ]
        for check in run.certificate.checks
    ]
    summary = element("summary", f"{len(run.certificate.checks)} checks")
    return element("details", summary, wide_table(["", "check", "what is asked, and what was found"], rows))


def _said(check: object) -> str:
    summary = getattr(check, "summary", "")
    findings = [finding.line for finding in getattr(check, "findings", ())]
    return " ".join(filter(None, [summary, getattr(check, "reason", ""), *findings[:8]]))


def reproduce(run: RunFacts) -> Element:
    """Commands, settings and versions."""
    facts = {
        "SHA-256": run.certificate.sha256,
        "scheme, target": f"{run.manifest.scheme}, {run.manifest.target}",
        "determinism": run.manifest.determinism,
        "made with": ", ".join(f"{name} {version}" for name, version in run.manifest.versions.items()),
        "measured on": ", ".join(f"{name} {value}" for name, value in run.measurement.environment.items()),
    }
    listed = [part for name, fact in facts.items() for part in (element("dt", name), element("dd", fact))]
    return element("div", element("pre", "\n".join(commands(run)), tabindex=0), element("dl", *listed))
