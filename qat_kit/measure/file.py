"""`.tflite` files of anybody's, measured: `qat-kit measure` and `qat-kit compare`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.errors import DataError, SettingsError
from qat_kit.litert.interpreter import Interpreter
from qat_kit.measure.evaluate import evaluate_all
from qat_kit.measure.gap import Answered, train_test_gap
from qat_kit.measure.instructions import count_instructions
from qat_kit.measure.latency import Runner, file_runner, measure_latency
from qat_kit.measure.machine import environment
from qat_kit.measure.metrics import TaskMetrics, compare_answers, get_task, judge
from qat_kit.measure.quality import compare
from qat_kit.measure.robustness import measure_robustness
from qat_kit.measure.samples import read_labelled
from qat_kit.measure.throughput import measure_throughput
from qat_kit.progress import Progress, SilentProgress
from qat_kit.results import Comparison, Measurement, ModelMeasurement, PairedTest, RobustnessPoint, TrainTestGap
from qat_kit.vocabulary import KernelSet, Scores


@dataclass(frozen=True)
class _Answers:
    """What one file answers at one output, and the truth.

    output: its name, empty for a file's only one. options: those of the task's figures.
    """

    output: str
    scores: NDArray[np.float32]
    labels: NDArray[Any]
    task: TaskMetrics
    options: Mapping[str, Any]


def measure_file(path: Path, **options: Any) -> Measurement:
    """`measure_files` of one file."""
    return measure_files((path,), **options)


def measure_files(paths: Sequence[Path], **options: Any) -> Measurement:
    """The last of `measure_stages`: all that was asked for."""
    *_, whole = measure_stages(paths, **options)
    return whole


def measure_stages(
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
    train_data: Path | None = None,
    instructions: bool = False,
    throughput: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
) -> Iterator[Measurement]:
    """Latency of all files in turns, and quality where there is data; every file but the first is tested against it.

    Yields what is known after each stage, marked partial, and at last the whole: latency of all files, then quality
    file by file, then what was asked for beside it.

    data: an `.npz` with `inputs` (or an array for each input, by name) and `labels` (or `labels.NAME` for each of
    several outputs). Without it the model runs on random numbers of `seed`, and no quality is claimed. task: a name of
    `qat_kit.measure.metrics`, or `NAME=task,…` by output; without it, regression where scores are `values`, else
    classification. num_processes: for the answers; latency is measured in one. tolerance, max_seconds: see
    `measure_latency`; num_draws: see `judge`. robustness: the last file against the first on disturbed pictures too;
    train_data: and on these, for the gap between training and test data. instructions, throughput: see
    `count_instructions`, `measure_throughput`. Raises DataError, ModelFileError.
    """
    progress = progress or SilentProgress()
    names = _names(paths)
    tasks = _tasks(task, scores)
    runners: dict[str, Runner] = {}
    samples: dict[str, dict[str, NDArray[Any]]] = {}
    labels: dict[str, dict[str, NDArray[Any]]] = {}
    called: dict[str, dict[str, str]] = {}
    for name, path in names.items():
        interpreter = Interpreter(path, kernel_set=kernel_set, num_threads=num_threads)
        outputs = [detail.name for detail in interpreter.outputs]
        called[name] = {output: output if len(outputs) > 1 else "" for output in outputs}
        if data is None:
            random = np.random.default_rng(seed)
            samples[name] = {detail.name: random.standard_normal(detail.shape) for detail in interpreter.inputs}
            labels[name] = {}
        else:
            samples[name], labels[name] = read_labelled(data, [detail.name for detail in interpreter.inputs], outputs)
        runners[name] = file_runner(path, samples[name], kernel_set=kernel_set, num_threads=num_threads)
    judged = {called[name][output] for name, found in labels.items() for output in found}
    if unknown := set(tasks) - {""} - judged:
        raise SettingsError(f"--task names outputs that have no labels in the data: {', '.join(sorted(unknown))}")
    with progress.track("latency", 1) as advance:
        latencies = measure_latency(runners, num_runs=num_runs, tolerance=tolerance, max_seconds=max_seconds)
        advance(1)
    state = Measurement(
        models=tuple(
            ModelMeasurement(name=name, quality=None, size_bytes=path.stat().st_size, latency=latencies[name])
            for name, path in names.items()
        ),
        environment=environment(),
        is_partial=True,
    )
    yield state
    answers: dict[str, list[_Answers]] = {name: [] for name in names}
    for name, path in names.items() if data is not None else ():
        with progress.track("evaluation", len(next(iter(labels[name].values())))) as advance:
            scored = evaluate_all(
                path,
                samples[name],
                kernel_set=kernel_set,
                num_threads=num_threads,
                num_processes=num_processes,
                on_progress=advance,
            )
        for output, truth in labels[name].items():
            judged_as = tasks.get(output, tasks[""])
            options = {"scores_are": scores} if judged_as.name == "classification" else {}
            answers[name].append(_Answers(called[name][output], scored[output], truth, judged_as, options))
        qualities = {
            each.output: judge(each.task, each.scores, each.labels, num_draws=num_draws, seed=seed, **each.options)
            for each in answers[name]
        }
        state = state.with_figures(
            name, quality=next(iter(qualities.values()), None), outputs=qualities if len(qualities) > 1 else {}
        )
        yield state
    for name, path in names.items():
        if throughput:
            rates = measure_throughput(path, samples[name], kernel_set=kernel_set, num_threads=num_threads)
            state = state.with_figures(name, throughput=rates)
            yield state
        if instructions:
            state = state.with_figures(name, instructions=count_instructions(path, kernel_set=kernel_set))
            yield state
    first, *others = names
    pairs = [
        (before, after, first, other)
        for other in others
        for before, after in zip(answers[first], answers[other], strict=False)
    ]
    compared = tuple(_comparison(*pair) for pair in pairs if pair[0].task.name == "classification")
    paired = tuple(_paired(*pair, num_draws=num_draws, seed=seed) for pair in pairs)
    state = state.model_copy(update={"comparisons": compared, "paired": paired})
    if robustness:
        yield state
        points = _robustness(paths, samples[first], answers[first], kernel_set, seed)
        state = state.model_copy(update={"robustness": points})
    if train_data is not None:
        yield state
        gap = _gap(paths, train_data, [answers[first], answers[[*names][-1]]], kernel_set)
        state = state.model_copy(update={"gap": gap})
    yield state.model_copy(update={"is_partial": False})


def _gap(
    paths: Sequence[Path], train_data: Path, answers: Sequence[Sequence[_Answers]], kernel_set: KernelSet
) -> TrainTestGap:
    """Of the first file and the last."""
    if len(paths) < 2 or any(len(found) != 1 for found in answers):
        raise DataError(
            "the gap to training data is a comparison at one output: give two files, --data and --train-data"
        )
    (before,), (after,) = answers
    options = dict(before.options)
    found: list[NDArray[np.float32]] = []
    for path in (paths[0], paths[-1]):
        interpreter = Interpreter(path, kernel_set=kernel_set)
        outputs = [detail.name for detail in interpreter.outputs]
        inputs, labels = read_labelled(train_data, [detail.name for detail in interpreter.inputs], outputs)
        found.append(evaluate_all(path, inputs, kernel_set=kernel_set)[outputs[0]])
    train = Answered(before=found[0], after=found[1], truth=next(iter(labels.values())), options=options)
    test = Answered(before=before.scores, after=after.scores, truth=before.labels, options=options)
    return train_test_gap(before.task, train, test)


def _tasks(task: str | None, scores: Scores) -> dict[str, TaskMetrics]:
    """Output name → task; the one without a name is that of all others."""
    usual = "regression" if scores == "values" else "classification"
    found = {"": get_task(usual)}
    for part in (task or usual).split(","):
        output, _, name = part.rpartition("=")
        found[output.strip()] = get_task(name.strip())
    return found


def _comparison(before: _Answers, after: _Answers, baseline: str, candidate: str) -> Comparison:
    return compare(
        before.scores,
        after.scores,
        before.labels,
        baseline=baseline,
        candidate=candidate,
        scores_are=before.options["scores_are"],
    )


def _paired(
    before: _Answers, after: _Answers, baseline: str, candidate: str, *, num_draws: int, seed: int
) -> PairedTest:
    test = compare_answers(
        before.task,
        before.scores,
        after.scores,
        before.labels,
        baseline=baseline,
        candidate=candidate,
        num_draws=num_draws,
        seed=seed,
        **before.options,
    )
    return test.model_copy(update={"output": before.output})


def _robustness(
    paths: Sequence[Path],
    inputs: Mapping[str, NDArray[Any]],
    answers: Sequence[_Answers],
    kernel_set: KernelSet,
    seed: int,
) -> tuple[RobustnessPoint, ...]:
    if len(answers) != 1 or len(paths) < 2:
        raise DataError("robustness is a comparison at one output on labelled pictures: give two files and --data")
    (found,) = answers
    return measure_robustness(
        paths[0],
        paths[-1],
        inputs,
        found.labels,
        task=found.task,
        kernel_set=kernel_set,
        seed=seed,
        **found.options,
    )


def _names(paths: Sequence[Path]) -> dict[str, Path]:
    """A name for each file: its own, or its path where two have the same. Raises DataError for a file given twice."""
    if not paths or len(set(paths)) < len(paths):
        raise DataError(
            f"files must differ from each other, one or more; received {', '.join(map(str, paths)) or 'none'}"
        )
    own = Counter(path.name for path in paths)
    return {path.name if own[path.name] == 1 else str(path): path for path in paths}
