"""`.tflite` files of anybody's, measured: `qat-kit measure` and `qat-kit compare`."""

from __future__ import annotations

import zipfile
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.errors import DataError
from qat_kit.litert.interpreter import Interpreter
from qat_kit.measure.evaluate import evaluate
from qat_kit.measure.latency import Runner, file_runner, measure_latency
from qat_kit.measure.machine import environment
from qat_kit.measure.metrics import TaskMetrics, compare_answers, get_task, judge
from qat_kit.measure.quality import compare
from qat_kit.measure.robustness import measure_robustness
from qat_kit.progress import Progress, SilentProgress
from qat_kit.results import Measurement, ModelMeasurement, Quality, RobustnessPoint
from qat_kit.vocabulary import KernelSet, Scores


def measure_file(path: Path, **options: Any) -> Measurement:
    """`measure_files` of one file."""
    return measure_files((path,), **options)


def measure_files(
    paths: Sequence[Path],
    *,
    data: Path | None = None,
    task: str | None = None,
    scores: Scores = "logits",
    kernel_set: KernelSet = "xnnpack",
    num_threads: int = 1,
    num_processes: int = 1,
    num_runs: int = 300,
    tolerance: float | None = None,
    max_seconds: float = 60.0,
    num_draws: int = 0,
    robustness: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
) -> Measurement:
    """Latency of all files in turns, and quality where there is data; every file but the first is tested against it.

    data: an `.npz` with `inputs` (or an array for each input, by name) and `labels`. Without it the model runs on
    random numbers of `seed`, and no quality is claimed. task: a name of `qat_kit.measure.metrics`; without it,
    regression where scores are `values`, else classification. num_processes: for the answers; latency is measured in
    one. tolerance, max_seconds: see `measure_latency`; num_draws: see `judge`. robustness: the last file against the
    first on disturbed pictures too. Raises DataError, ModelFileError.
    """
    progress = progress or SilentProgress()
    names = _names(paths)
    judged_as = get_task(task or ("regression" if scores == "values" else "classification"))
    options: dict[str, Any] = {"scores_are": scores} if judged_as.name == "classification" else {}
    runners: dict[str, Runner] = {}
    qualities: dict[str, Quality | None] = dict.fromkeys(names)
    answers: dict[str, NDArray[np.float32]] = {}
    labels: NDArray[Any] | None = None
    for name, path in names.items():
        interpreter = Interpreter(path, kernel_set=kernel_set, num_threads=num_threads)
        if data is None:
            random = np.random.default_rng(seed)
            inputs = {detail.name: random.standard_normal(detail.shape) for detail in interpreter.inputs}
        else:
            inputs, labels = _read(data, [detail.name for detail in interpreter.inputs])
            with progress.track("evaluation", len(labels)) as advance:
                answers[name] = evaluate(
                    path,
                    inputs,
                    kernel_set=kernel_set,
                    num_threads=num_threads,
                    num_processes=num_processes,
                    on_progress=advance,
                )
            qualities[name] = judge(judged_as, answers[name], labels, num_draws=num_draws, seed=seed, **options)
        runners[name] = file_runner(path, inputs, kernel_set=kernel_set, num_threads=num_threads)
    with progress.track("latency", 1) as advance:
        latencies = measure_latency(runners, num_runs=num_runs, tolerance=tolerance, max_seconds=max_seconds)
        advance(1)
    first, *others = names
    paired = [(answers[first], answers[other], other) for other in others if labels is not None]
    return Measurement(
        models=tuple(
            ModelMeasurement(
                name=name, quality=qualities[name], size_bytes=path.stat().st_size, latency=latencies[name]
            )
            for name, path in names.items()
        ),
        comparisons=tuple(
            compare(before, after, labels, baseline=first, candidate=other, scores_are=scores)
            for before, after, other in paired
            if labels is not None and judged_as.name == "classification"
        ),
        paired=tuple(
            compare_answers(
                judged_as,
                before,
                after,
                labels,
                baseline=first,
                candidate=other,
                num_draws=num_draws,
                seed=seed,
                **options,
            )
            for before, after, other in paired
        ),
        robustness=_robustness(paths, inputs, labels, judged_as, kernel_set, seed, options) if robustness else (),
        environment=environment(),
    )


def _robustness(
    paths: Sequence[Path],
    inputs: Mapping[str, NDArray[Any]],
    labels: NDArray[Any] | None,
    task: TaskMetrics,
    kernel_set: KernelSet,
    seed: int,
    options: Mapping[str, Any],
) -> tuple[RobustnessPoint, ...]:
    if labels is None or len(paths) < 2:
        raise DataError("robustness is a comparison on labelled pictures: give two files and --data")
    return measure_robustness(
        paths[0], paths[-1], inputs, labels, task=task, kernel_set=kernel_set, seed=seed, **options
    )


def _names(paths: Sequence[Path]) -> dict[str, Path]:
    """A name for each file: its own, or its path where two have the same. Raises DataError for a file given twice."""
    if not paths or len(set(paths)) < len(paths):
        raise DataError(
            f"files must differ from each other, one or more; received {', '.join(map(str, paths)) or 'none'}"
        )
    own = Counter(path.name for path in paths)
    return {path.name if own[path.name] == 1 else str(path): path for path in paths}


def _read(path: Path, names: list[str]) -> tuple[dict[str, NDArray[Any]], NDArray[Any]]:
    inputs, labels = read_samples(path, names)
    if labels is None:
        raise DataError(f"{path} has no array named 'labels', it has: {', '.join(read_arrays(path))}")
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
