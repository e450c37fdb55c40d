"""How facts are put into words, the same on the page and in Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from qat_kit.overview.facts import RunFacts
from qat_kit.results import Comparison, Figure, ModelMeasurement, PairedTest

TITLES = {
    "float": "float, in Keras",
    "qat_simulated": "QAT, in Keras",
    "float32_tflite": "float32 file",
    "int8_tflite": "int8 file",
}
INT8, FLOAT = "int8_tflite", "float32_tflite"
_SHARES = ("accuracy", "precision", "recall", "f1", "iou", "dice", "rate", "share")


def title_of(name: str) -> str:
    """A model's name for people."""
    return TITLES.get(name, name)


def figure_name(name: str) -> str:
    """A figure's name for people.

    >>> figure_name("top_5_accuracy"), figure_name("roc_auc")
    ('top 5 accuracy', 'ROC AUC')
    """
    capital = {"roc": "ROC", "auc": "AUC", "f1": "F1", "iou": "IoU", "map": "mAP", "r2": "R²", "ssim": "SSIM"}
    return " ".join(capital.get(word, word) for word in name.split("_"))


def is_share(name: str) -> bool:
    """Whether a figure is shown in percent."""
    return any(word in name for word in _SHARES) and "error" not in name


def value_text(name: str, value: float) -> str:
    """A figure's value; shares in percent."""
    return f"{100 * value:.2f} %" if is_share(name) else f"{value:.4g}"


def interval_text(name: str, figure: Figure) -> str:
    """Its 95 % interval; empty where there is none."""
    if figure.low is None or figure.high is None:
        return ""
    if is_share(name):
        return f"{100 * figure.low:.1f}–{100 * figure.high:.1f} %"
    return f"{figure.low:.4g} to {figure.high:.4g}"


def difference_text(name: str, value: float) -> str:
    """How far two values of a figure lie apart; of shares, in points of a percent.

    >>> difference_text("accuracy", -0.00278), difference_text("cross_entropy", -0.0176), difference_text("r2", 0.0)
    ('−0.28', '−0.0176', '0')
    """
    text = f"{100 * value:+.2f}" if is_share(name) else f"{value:+.3g}"
    return text.replace("-", "−") if float(text) else "0"


def size_text(size_bytes: float) -> str:
    """Bytes in the unit that suits.

    >>> size_text(29552), size_text(3_400_000), size_text(512)
    ('28.9 KiB', '3.24 MiB', '512 bytes')
    """
    if size_bytes >= 1 << 20:
        return f"{size_bytes / (1 << 20):.3g} MiB"
    return f"{size_bytes / 1024:.3g} KiB" if size_bytes >= 1024 else f"{size_bytes:.0f} bytes"


def time_text(ms: float) -> str:
    """A time in the unit that suits.

    >>> time_text(0.0068), time_text(12.34), time_text(2500)
    ('6.8 µs', '12.3 ms', '2.5 s')
    """
    if ms >= 1000:
        return f"{ms / 1000:.3g} s"
    return f"{ms:.3g} ms" if ms >= 1 else f"{1000 * ms:.3g} µs"


def ratio_text(model: ModelMeasurement, other: ModelMeasurement) -> str:
    """How a model's time is to another's."""
    ratio = other.latency.p50_ms / model.latency.p50_ms
    if 0.97 < ratio < 1.03:
        return "as fast"
    return f"{ratio:.2f} times as fast" if ratio > 1 else f"{1 / ratio:.2f} times slower"


def smaller_text(model: ModelMeasurement, other: ModelMeasurement) -> str:
    """How a file's size is to another's."""
    ratio = other.size_bytes / model.size_bytes
    return f"{ratio:.2f} times smaller" if ratio >= 1 else f"{1 / ratio:.2f} times larger"


def kernels_text(model: ModelMeasurement) -> str:
    """Which kernels, with how many threads."""
    threads = model.latency.num_threads
    return f"{model.latency.kernel_set}, {threads} thread{'' if threads == 1 else 's'}"


def model_of(run: RunFacts, name: str) -> ModelMeasurement | None:
    """A measured form of the model; None where it was not measured."""
    return next((model for model in run.measurement.models if model.name == name), None)


def comparison_of(run: RunFacts) -> Comparison | None:
    """int8 against float, where answers are right or wrong."""
    return next((each for each in run.measurement.comparisons if each.candidate == INT8), None)


def paired_of(run: RunFacts) -> PairedTest | None:
    """int8 against float, figure by figure."""
    return next((each for each in run.measurement.paired if each.candidate == INT8), None)


def verdict_lines(run: RunFacts) -> Iterator[str]:
    """What comes first: whether it is proven, what it costs in answers, what it saves."""
    yield run.certificate.verdict[0].upper() + run.certificate.verdict[1:] + "."
    int8, real = model_of(run, INT8), model_of(run, FLOAT)
    comparison = comparison_of(run)
    if comparison is not None:
        drop = comparison.accuracy_drop_points
        change = "stays the same" if drop == 0 else f"{'rises' if drop < 0 else 'falls'} by {abs(drop):.2f} points"
        yield (
            f"Accuracy {change} from float to int8: {_answers(comparison.lost)} lost, {comparison.gained} gained, "
            f"{comparison.flipped} of {comparison.num_samples} changed (McNemar p = {comparison.p_value:.2g})."
        )
    elif int8 is not None and int8.quality is not None:
        name = int8.quality.headline
        yield f"Its {figure_name(name)} is {value_text(name, int8.quality.figures[name].value)}."
    if int8 is not None and real is not None:
        yield (
            f"Beside the float32 file it is {smaller_text(int8, real)} and {ratio_text(int8, real)} "
            f"({kernels_text(int8)})."
        )


def _answers(count: int) -> str:
    return f"{count} answer{'' if count == 1 else 's'}"


def commands(run: RunFacts) -> list[str]:
    """What makes the run again and looks at it from other sides."""
    settings = " ".join(
        f"--set {name}={value}"
        for name, value in run.manifest.settings.items()
        if name != "seed" and value is not None and not isinstance(value, dict | list)
    )
    folder, file = f"runs/{run.folder}", run.manifest.files[0].name
    return [
        f"qat-kit run {run.manifest.name} --seed {run.manifest.seed} {settings} --out {folder}",
        f"qat-kit verify {folder}/{file}",
        f"qat-kit compare {folder}/model.float32.tflite {folder}/{file} --data test.npz --robustness "
        f"--out {folder}/robustness.json",
        f"qat-kit debug {folder} --data test.npz --out {folder}/debug.json",
        f"qat-kit report {folder} --out report.html",
    ]
