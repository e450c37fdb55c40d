"""Quality, size and latency."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Console

from qat_kit.report.text import printable
from qat_kit.screen.console import table_of

if TYPE_CHECKING:
    from qat_kit.results import Certificate, Cost, Measurement, ModelMeasurement, Quality

_FUNCTIONS_SHOWN = 5
_TITLES = {
    "float": "float",
    "qat_simulated": "QAT in Keras",
    "float32_tflite": "float32 file",
    "int8_tflite": "int8 file",
}


def show_measurement(console: Console, measurement: Measurement, certificate: Certificate) -> None:
    """The table at the end of a run, the cost of int8 in answers, and the certificate's verdict."""
    console.print()
    show_figures(console, measurement)
    for comparison in measurement.comparisons:
        if comparison.candidate == "int8_tflite":
            drop, p_value = comparison.accuracy_drop_points, comparison.p_value
            console.print(
                f"float → int8: accuracy {'rises' if drop < 0 else 'falls'} by {abs(drop):.2f} points "
                f"({comparison.lost} lost, {comparison.gained} gained,\n"
                f"McNemar p {'< 0.01' if p_value < 0.01 else f'= {p_value:.2f}'}); "
                f"{comparison.flipped} of {comparison.num_samples} answers flipped",
                highlight=False,
            )
    style = "green" if certificate.passed else "red"
    console.print(f"certificate: {certificate.verdict}", style=style, highlight=False)


def show_figures(console: Console, measurement: Measurement) -> None:
    """Quality, size and latency of each model; fits 80 columns."""
    quality = measurement.models[0].quality
    table = table_of("model")
    for title in (*_quality_titles(quality), "bytes", "p50\nms", "p90\nms", "kernels"):
        table.add_column(title, justify="right")
    for model in measurement.models:
        latency = model.latency
        table.add_row(
            _TITLES.get(model.name, model.name),
            *_quality_figures(model.quality),
            str(model.size_bytes),
            f"{latency.p50_ms:.4f}",
            f"{latency.p90_ms:.4f}",
            f"{latency.kernel_set}×{latency.num_threads}",
        )
    console.print(table)
    samples = "" if quality is None else f"{quality.num_samples} samples; "
    console.print(f"{samples}latency at batch 1, with the kernels and threads named", highlight=False, style="italic")
    for line in (line for model in measurement.models for line in _counted_lines(model)):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _counted_lines(model: ModelMeasurement) -> Iterator[str]:
    """Figures of other outputs than the first, samples a second and instructions, where they are known."""
    name = printable(_TITLES.get(model.name, model.name))
    for output, quality in model.outputs.items():
        figures = ", ".join(f"{key.replace('_', ' ')} {figure.value:.4g}" for key, figure in quality.figures.items())
        yield f"{name}, output {printable(output)}: {figures}"
    for each in model.throughput:
        rate = f"{each.samples_per_second:,.0f} samples a second"
        yield f"{name}, {each.batch} at once: {printable(each.refusal) or rate}"
    counted = model.instructions
    if counted is None:
        return
    yield f"{name}: {counted.count:,} instructions an inference ({counted.kernel_set}), a count and no time"
    for function, count in list(counted.functions.items())[:_FUNCTIONS_SHOWN]:
        yield f"  {count / counted.count:4.0%} {printable(function)}"
    if counted.hidden_microkernels:
        yield (
            f"  valgrind hides {', '.join(counted.hidden_features)}: the timed inference may run one of "
            f"{len(counted.hidden_microkernels)} other microkernels, such as {counted.hidden_microkernels[0]}"
        )
    elif counted.hidden_features:
        yield f"  valgrind hides {', '.join(counted.hidden_features)}: none of these functions has a sibling for them"


def show_paired(console: Console, measurement: Measurement) -> None:
    """What each model's figures and its latency are beside the first model's."""
    first = measurement.models[0]
    for test in measurement.paired:
        table = table_of(f"{printable(test.candidate)} against {printable(test.baseline)}")
        for title in ("before", "after", "difference", "95 %\ninterval", "p"):
            table.add_column(title, justify="right")
        for name, figure in test.differences.items():
            table.add_row(
                name.replace("_", " "),
                f"{figure.baseline:.4g}",
                f"{figure.candidate:.4g}",
                f"{figure.difference:+.4g}",
                f"{figure.low:+.3g} to {figure.high:+.3g}",
                f"{figure.p_value:.3f}",
            )
        console.print(table)
    if measurement.robustness:
        table = table_of("disturbed by")
        for title in ("strength", "before", "after", "95 %\ninterval", "p"):
            table.add_column(title, justify="right")
        for point in measurement.robustness:
            figure = next(iter(point.test.differences.values()))
            interval = f"{figure.low:+.3g} to {figure.high:+.3g}"
            values = f"{figure.baseline:.4g}", f"{figure.candidate:.4g}"
            table.add_row(point.perturbation, f"{point.strength:g}", *values, interval, f"{figure.p_value:.3f}")
        console.print(table)
    if (gap := measurement.gap) is not None:
        console.print(
            f"{gap.figure.replace('_', ' ')} on {gap.num_train} training samples less that on {gap.num_test} test "
            f"samples: {gap.baseline:+.4g} before, {gap.candidate:+.4g} after; change {gap.change:+.4g} "
            f"(95 % interval {gap.low:+.3g} to {gap.high:+.3g})",
            highlight=False,
            soft_wrap=True,
        )
    for model in measurement.models[1:]:
        ratio, smaller = model.latency.p50_ms / first.latency.p50_ms, first.size_bytes / model.size_bytes
        console.print(
            f"{printable(model.name)}: {ratio:.2f} of the time of {printable(first.name)} (medians, in turns), "
            f"{smaller:.2f} times smaller",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )


def show_cost(console: Console, cost: Cost) -> None:
    """Operators with their products and bytes, then size, memory and energy."""
    table = table_of("#", "operator")
    for title in ("MACs", "parameters", "bytes\nread", "bytes\nwritten"):
        table.add_column(title, justify="right")
    for operator in cost.operators:
        counts = (operator.macs, operator.parameters, operator.bytes_read, operator.bytes_written)
        table.add_row(str(operator.index), printable(operator.op), *(f"{count:,}" for count in counts))
    console.print(table)
    size, energy, memory = cost.size, cost.energy, cost.memory
    lines = [
        f"{cost.macs:,} multiply-accumulates, {cost.parameters:,} parameters, {cost.bytes_moved:,} bytes moved",
        f"{size.size_bytes:,} bytes ({size.gzip_bytes:,} with gzip), {size.overhead_bytes:,} of them no tensor's",
        f"{size.num_weights:,} weights of {size.bits_per_weight:.2f} bits, with gzip "
        f"{size.effective_bits_per_weight:.2f}",
        *size.notes,
    ]
    if memory is not None:
        arena = "" if memory.arena_bytes is None else f"{memory.arena_bytes:,} bytes of activations; "
        lines.append(
            f"{arena}a fresh process grew by {memory.init_kib:,} KiB when it read the file and by "
            f"{memory.overall_kib:,} when it had run; its peak is {memory.peak_kib:,} KiB with Python"
        )
    if cost.ethos_u is not None:
        ethos = cost.ethos_u
        lines.append(
            f"{ethos.accelerator}, as Vela estimates it: {ethos.cycles:,} cycles ({ethos.npu_cycles:,} of computing), "
            f"{ethos.inference_ms:.4g} ms at {ethos.clock_mhz:g} MHz ({ethos.system}, {ethos.memory_mode}); "
            f"{ethos.npu_operators} operators there, {ethos.cpu_operators} left to the CPU"
        )
    lines += [
        f"energy, an estimate and no measurement: {energy.low_uj:.4g} to {energy.high_uj:.4g} µJ an inference "
        f"({energy.compute_uj:.4g} of it products; the rest memory on the chip or outside)",
        f"  {energy.source}",
        *cost.notes,
    ]
    for line in filter(None, lines):
        console.print(printable(line), markup=False, highlight=False, soft_wrap=True)


def _quality_titles(quality: Quality | None) -> tuple[str, ...]:
    if quality is None:
        return ()
    if quality.headline == "accuracy":
        return "accuracy\n%", "95 %\ninterval", "cross-\nentropy"
    if quality.task == "regression":
        return "mean squared\nerror", "mean absolute\nerror"
    return quality.headline.replace("_", "\n"), "95 %\ninterval"


def _quality_figures(quality: Quality | None) -> tuple[str, ...]:
    if quality is None:
        return ()
    if quality.task == "regression":
        return f"{quality.mean_squared_error:.6g}", f"{quality.mean_absolute_error:.6g}"
    figure = quality.figures[quality.headline]
    if quality.headline != "accuracy":
        known = figure.low is not None and figure.high is not None
        return f"{figure.value:.4g}", f"{figure.low:.3g}–{figure.high:.3g}" if known else "–"
    low, high = (100 * (value or 0.0) for value in (figure.low, figure.high))
    return f"{100 * figure.value:.2f}", f"{low:.1f}–{high:.1f}", f"{quality.cross_entropy:.4f}"
