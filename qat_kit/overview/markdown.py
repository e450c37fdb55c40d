"""The facts of runs as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from qat_kit.overview.device_sections import TITLES, device_rows
from qat_kit.overview.facts import Overview, RunFacts
from qat_kit.overview.words import (
    commands,
    figure_name,
    interval_text,
    paired_of,
    size_text,
    time_text,
    title_of,
    value_text,
    verdict_lines,
)


def as_markdown(overview: Overview) -> str:
    """One document; a heading a run."""
    parts = [part for run in overview.runs for part in _run(run)]
    return "\n\n".join(parts) + "\n"


def _run(run: RunFacts) -> Iterator[str]:
    yield f"# {_plain(run.title)}"
    yield "\n".join(f"- {_plain(line)}" for line in verdict_lines(run))
    quality = next((model.quality for model in run.measurement.models if model.quality), None)
    names = list(quality.figures)[:3] if quality else []
    yield _table(
        ["model", *(figure_name(name) for name in names), "95 % interval", "size", "median time", "kernels"],
        [
            [
                title_of(model.name),
                *(
                    value_text(name, model.quality.figures[name].value)
                    if model.quality and name in model.quality.figures
                    else "–"
                    for name in names
                ),
                interval_text(names[0], model.quality.figures[names[0]]) if model.quality and names else "–",
                size_text(model.size_bytes),
                time_text(model.latency.p50_ms),
                f"{model.latency.kernel_set}×{model.latency.num_threads}",
            ]
            for model in run.measurement.models
        ],
    )
    paired = paired_of(run)
    if paired is not None:
        yield "## int8 against float"
        yield _table(
            ["figure", "float", "int8", "difference", "95 % interval", "p"],
            [
                [
                    figure_name(name),
                    f"{each.baseline:.4g}",
                    f"{each.candidate:.4g}",
                    f"{each.difference:+.3g}",
                    f"{each.low:+.3g} to {each.high:+.3g}",
                    f"{each.p_value:.2g}",
                ]
                for name, each in paired.differences.items()
            ],
        )
    if run.costs:
        yield "## Cost"
        yield _table(
            ["file", "MACs", "parameters", "with gzip", "bits a weight", "energy, an estimate"],
            [
                [
                    title_of(name),
                    f"{cost.macs:,}",
                    f"{cost.parameters:,}",
                    size_text(cost.size.gzip_bytes),
                    f"{cost.size.bits_per_weight:.2f} ({cost.size.effective_bits_per_weight:.2f} with gzip)",
                    f"{cost.energy.low_uj:.3g}–{cost.energy.high_uj:.3g} µJ",
                ]
                for name, cost in run.costs.items()
            ],
        )
    if run.kernel_sets:
        yield "## Kernel sets on the golden inputs"
        yield _table(
            ["kernels", "differing", "at most, in steps"],
            [
                [each.kernel_set, each.refusal or f"{each.num_differing} of {each.num_values}", f"{each.largest:g}"]
                for each in run.kernel_sets
            ],
        )
    if run.measurement.devices:
        yield "## Devices side by side"
        yield _table(TITLES, device_rows(run))
    yield "## Certificate"
    yield _table(
        ["check", "outcome", "what was found"],
        [
            [check.name, check.state.replace("_", " "), check.summary or "; ".join(f.line for f in check.findings[:3])]
            for check in run.certificate.checks
        ],
    )
    yield "## To reproduce"
    yield "\n".join(f"    {line}" for line in commands(run))


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(_plain(cell) for cell in line)} |" for line in lines)


def _plain(text: str) -> str:
    """Text without what Markdown would take for its own."""
    for mark in "\\|<>*_`":
        text = text.replace(mark, f"\\{mark}")
    return text.replace("\n", " ")
