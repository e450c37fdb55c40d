"""One `.tflite` file of anybody's, measured: `qat-kit measure`."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.errors import DataError
from qat_kit.litert.interpreter import Interpreter
from qat_kit.measure.evaluate import evaluate
from qat_kit.measure.latency import file_runner, measure_latency
from qat_kit.measure.machine import environment
from qat_kit.measure.quality import classification_quality, regression_quality
from qat_kit.progress import Progress, SilentProgress
from qat_kit.results import Measurement, ModelMeasurement, Quality
from qat_kit.vocabulary import KernelSet, Scores


def measure_file(
    path: Path,
    *,
    data: Path | None = None,
    scores: Scores = "logits",
    kernel_set: KernelSet = "xnnpack",
    num_threads: int = 1,
    num_runs: int = 300,
    seed: int = 0,
    progress: Progress | None = None,
) -> Measurement:
    """Latency, and quality where there is data.

    data: an `.npz` with `inputs` (or an array for each input, by name) and `labels`. Without it the model runs on
    random numbers of `seed`, and no quality is claimed. Raises DataError, ModelFileError.
    """
    progress = progress or SilentProgress()
    interpreter = Interpreter(path, kernel_set=kernel_set, num_threads=num_threads)
    quality = None
    if data is None:
        random = np.random.default_rng(seed)
        inputs = {detail.name: random.standard_normal(detail.shape) for detail in interpreter.inputs}
    else:
        inputs, labels = _read(data, [detail.name for detail in interpreter.inputs])
        with progress.track("evaluation", len(labels)) as advance:
            answers = evaluate(path, inputs, kernel_set=kernel_set, num_threads=num_threads, on_progress=advance)
        quality = _quality(answers, labels, scores)
    runner = file_runner(path, inputs, kernel_set=kernel_set, num_threads=num_threads)
    with progress.track("latency", 1) as advance:
        latency = measure_latency({path.name: runner}, num_runs=num_runs)[path.name]
        advance(1)
    size = path.stat().st_size
    model = ModelMeasurement(name=path.name, quality=quality, size_bytes=size, latency=latency)
    return Measurement(models=(model,), environment=environment())


def _quality(answers: NDArray[np.float32], labels: NDArray[Any], scores: Scores) -> Quality:
    if scores == "values":
        return regression_quality(answers, labels)
    return classification_quality(answers, labels, scores_are=scores)


def _read(path: Path, names: list[str]) -> tuple[dict[str, NDArray[Any]], NDArray[Any]]:
    inputs, labels = read_samples(path, names)
    if labels is None:
        raise DataError(f"{path} has no array named 'labels', it has: {', '.join(inputs)}")
    return inputs, labels


def read_samples(path: Path, names: Sequence[str]) -> tuple[dict[str, NDArray[Any]], NDArray[Any] | None]:
    """(input name → array, labels) of an `.npz`; a model's only input may be called `inputs` there.

    labels: None where it has no array of that name. Raises DataError for anything else, and where an input is missing.
    """
    arrays = read_arrays(path)
    labels = arrays.pop("labels", None)
    if len(names) == 1 and names[0] not in arrays and "inputs" in arrays:
        arrays[names[0]] = arrays["inputs"]
    missing = next((name for name in names if name not in arrays), None)
    if missing is not None:
        raise DataError(f"{path} has no array for input {missing!r}, it has: {', '.join(arrays) or 'none'}")
    return {name: arrays[name] for name in names}, labels


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The named arrays of an `.npz`; raises DataError for anything else."""
    try:
        with path.open("rb") as file:
            stored = np.load(file, allow_pickle=False)
            if not isinstance(stored, np.ndarray):
                return {key: stored[key] for key in stored.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"could not read {path} as .npz: {error}") from None
    raise DataError(f"{path} holds one array without a name, and an .npz with 'inputs' and 'labels' is needed")
