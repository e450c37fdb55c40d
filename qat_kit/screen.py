"""What people see on the terminal: tables, and nothing of TensorFlow's own chatter."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from qat_kit.errors import OutputError
from qat_kit.report.text import printable

if TYPE_CHECKING:
    from qat_kit.debug import LayerComparison
    from qat_kit.inspection import Difference, InspectedTensor, Inspection
    from qat_kit.inspection.reproduction import Reproduction
    from qat_kit.recipe import Recipe
    from qat_kit.results import Certificate, Measurement, Quality

# Of one check; a file of uint8 has one for each tensor.
_MOST_FINDINGS = 8
_TITLES = {
    "float": "float",
    "qat_simulated": "QAT in Keras",
    "float32_tflite": "float32 file",
    "int8_tflite": "int8 file",
}


class Screen(Console):
    """A console that leaves a closed pipe to its caller; rich would end the process with the code of a failed gate."""

    def on_broken_pipe(self) -> None:
        # rich calls this while it handles the BrokenPipeError.
        raise


@contextmanager
def chatter_to(log: Path) -> Iterator[tuple[TextIO, TextIO]]:
    """Sends whatever this process prints to a log file, C++ included; yields the real stdout and stderr.

    TensorFlow and LiteRT write to the file descriptors, past Python's streams. What ends the work early is written
    into the log too, with its traceback.
    """
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        target = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o644)
    except OSError as error:
        raise OutputError(
            f"could not write to {log.parent}: {error.strerror}. Choose a folder that you may write to with --out"
        ) from None
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(number) for number in (1, 2)]
    streams = [os.fdopen(os.dup(number), "w", encoding="utf-8", errors="backslashreplace") for number in kept]
    try:
        for number in (1, 2):
            os.dup2(target, number)
        yield streams[0], streams[1]
    except BaseException:
        # The disk may be what is full.
        with suppress(OSError):
            os.write(target, traceback.format_exc().encode())
        raise
    finally:
        # The disk may be full, and the reader of a pipe gone.
        for stream in (sys.stdout, sys.stderr, *streams):
            with suppress(OSError):
                stream.flush()
        for stream in streams:
            with suppress(OSError):
                stream.close()
        for number, original in zip((1, 2), kept, strict=True):
            os.dup2(original, number)
            os.close(original)
        os.close(target)


def show_recipes(console: Console, recipes: Iterable[Recipe]) -> None:
    """One recipe a line."""
    table = _table("recipe", "task", "what it is")
    for recipe in recipes:
        table.add_row(recipe.name, recipe.task, recipe.summary)
    console.print(table)


def show_certificate(console: Console, certificate: Certificate) -> None:
    """One check a line, its findings under it; the verdict at the end."""
    for check in certificate.checks:
        mark = "[green]pass[/green]" if not check.findings else "[yellow]warn[/yellow]"
        mark = mark if check.passed else "[red]FAIL[/red]"
        console.print(f"{mark}  {check.name}", highlight=False, soft_wrap=True)
        for finding in check.findings[:_MOST_FINDINGS]:
            console.print(f"        {finding.line}", highlight=False, markup=False, soft_wrap=True)
        if len(check.findings) > _MOST_FINDINGS:
            console.print(
                f"        … and {len(check.findings) - _MOST_FINDINGS} more, all with --json", highlight=False
            )
    for line in _figure_lines(certificate):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    style = "green" if certificate.passed else "red"
    console.print(certificate.verdict, style=style, highlight=False, soft_wrap=True)


def _figure_lines(certificate: Certificate) -> Iterator[str]:
    """What the file is and costs, a line each."""
    figures = certificate.figures
    if figures is None:
        return
    yield figures.contents
    runtime = figures.minimum_runtime or "no release that is known"
    yield (
        f"{figures.num_macs:,} products an inference; constants {figures.constant_bytes:,} bytes; arena "
        f"{figures.arena_bytes:,} bytes; runs on TensorFlow Lite from {runtime}"
    )
    if figures.judged_operators:
        share = f", {figures.accelerated_macs / figures.num_macs:.1%} of the products" if figures.num_macs else ""
        yield (
            f"{certificate.target} itself takes {figures.accelerated_operators} of {figures.judged_operators} "
            f"operators that its table speaks of{share}"
        )


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
    table = _table("model")
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


def _table(*titles: str) -> Table:
    return Table(*titles, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)


def _quality_titles(quality: Quality | None) -> tuple[str, ...]:
    if quality is None:
        return ()
    if quality.task == "regression":
        return "mean squared\nerror", "mean absolute\nerror"
    return "accuracy\n%", "95 %\ninterval", "cross-\nentropy"


def _quality_figures(quality: Quality | None) -> tuple[str, ...]:
    if quality is None:
        return ()
    if quality.task == "regression":
        return f"{quality.mean_squared_error:.6g}", f"{quality.mean_absolute_error:.6g}"
    accuracy, low, high = (
        100 * (value or 0.0) for value in (quality.accuracy, quality.accuracy_low, quality.accuracy_high)
    )
    return f"{accuracy:.2f}", f"{low:.1f}–{high:.1f}", f"{quality.cross_entropy:.4f}"


def show_inspection(console: Console, inspection: Inspection) -> None:
    """Operators with the shape, type and parameters of what they make; totals."""
    table = _table("#", "operator", "output", "type", "scale", "zero point", "MACs", "constants")
    for graph in inspection.graphs:
        for operator in graph.operators:
            activation = "" if operator.fused_activation == "NONE" else f" + {operator.fused_activation}"
            output = graph.result(operator)
            place = str(operator.index) if len(inspection.graphs) == 1 else f"{graph.index}.{operator.index}"
            table.add_row(
                place,
                Text(printable(f"{operator.op} v{operator.version}{activation}")),
                *(("", "", "", "") if output is None else _tensor_cells(output)),
                f"{operator.macs:,}",
                f"{operator.constant_bytes:,} B",
            )
    console.print(table)
    main = inspection.main
    for title, indices in (("input", main.inputs), ("output", main.outputs)):
        for index in indices:
            tensor = main.tensors[index]
            shape, kind, scale, zero_point = _tensor_cells(tensor)
            line = f"{title} {printable(tensor.name)}: {kind} {shape}, scale {scale}, zero point {zero_point}"
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    types = ", ".join(f"{count} {kind}" for kind, count in inspection.tensor_types.items())
    arena = "" if main.arena_bytes is None else f"{main.arena_bytes:,} bytes of activations in memory, "
    lines = [
        f"{inspection.size_bytes:,} bytes ({inspection.gzip_bytes:,} with gzip)",
        f"{inspection.num_tensors} tensors ({types})",
        f"{arena}{inspection.macs:,} multiply-accumulates",
        f"metadata: {', '.join(inspection.metadata)}" if inspection.metadata else "",
    ]
    for line in filter(None, lines):
        console.print(printable(line), markup=False, highlight=False, soft_wrap=True)


def show_difference(console: Console, difference: Difference) -> None:
    """One change a line; sizes at the end."""
    (old, new), (few, many) = difference.size_bytes, difference.num_operators
    lines = [change.line for change in difference.changes]
    if not lines:
        lines = ["the files are the same" if difference.identical else "no difference but in names and order of bytes"]
    for line in (*lines, f"{old:,} → {new:,} bytes, {few} → {many} operators, {len(difference.changes)} changes"):
        console.print(printable(line), markup=False, highlight=False, soft_wrap=True)


def show_reproduction(console: Console, reproduction: Reproduction) -> None:
    """Each operator that shows a mismatch, the smallest first, with the codes of one element."""
    for case in reproduction.mismatches:
        values = ", ".join(f"{kernel_set} {value:g}" for kernel_set, value in case.values.items())
        line = f"operator {case.index} {case.op} ({case.size_bytes:,} bytes)"
        if case.num_differing:
            line += f": {case.num_differing:,} of {case.num_elements:,} differ, by {case.largest:g} at most; "
            line += f"element {case.position[0]}: {values}"
        for kernel_set, reason in case.failures.items():
            line += f"\n    {kernel_set}: {reason}"
        console.print(printable(line), markup=False, highlight=False, soft_wrap=True)
    count, skipped = len(reproduction.mismatches), len(reproduction.skipped)
    last = f"{count} of {reproduction.num_operators} operators differ between kernel sets; {skipped} were not run alone"
    console.print(last, highlight=False, soft_wrap=True)


def show_layers(console: Console, comparison: LayerComparison) -> None:
    """One layer a line, the worst first, and what to try for each that stands out."""
    table = _table("layer", "operator", "SQNR\ndB", "cosine", "within\n1 step", "cut off", "codes\nused")
    for layer in comparison.layers:
        near = sum(share for steps, share in layer.histogram_lsb.items() if abs(steps) <= 1)
        table.add_row(
            Text(printable(layer.layer)),
            layer.op,
            f"{layer.sqnr_db:.1f}",
            f"{layer.cosine:.5f}",
            f"{near:.1%}",
            f"{layer.saturated:.1%}",
            f"{layer.range_use:.0%}",
        )
    console.print(table)
    lines = [f"{layer.layer}: {layer.remedy}" for layer in comparison.layers if layer.remedy]
    lines += [f"{name}: no float twin of that name" for name in comparison.unpaired]
    for line in (*lines, f"{comparison.num_samples} samples, kernels {comparison.kernel_set}"):
        console.print(printable(line), markup=False, highlight=False, soft_wrap=True)


def _tensor_cells(tensor: InspectedTensor) -> tuple[str, str, str, str]:
    """Shape, type, scale and zero point; of several scales, how many."""
    shape = "×".join(str(size) for size in tensor.shape) or "scalar"
    if len(tensor.scale) > 1:
        return shape, tensor.type, f"{len(tensor.scale)} scales", "0"
    scale = f"{tensor.scale[0]:.6g}" if tensor.scale else "–"
    return shape, tensor.type, scale, str(tensor.zero_point[0]) if tensor.zero_point else "–"
