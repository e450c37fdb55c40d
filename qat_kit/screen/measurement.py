"""Quality, size and latency."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console

from qat_kit.screen.console import table_of

if TYPE_CHECKING:
    from qat_kit.results import Certificate, Measurement, Quality


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
