"""Answers judged against the truth, with intervals: `judge`; and two models' answers: `compare_answers`."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context

from qat_kit.errors import DataError
from qat_kit.measure.metrics.types import Cases, Metric, TaskMetrics
from qat_kit.measure.statistics import bootstrap_interval, bootstrap_p_value, mcnemar_p_value, wilson_interval
from qat_kit.results import Difference, Figure, PairedTest, Quality

# Of a figure whose every draw takes a pass over all samples.
NUM_DRAWS = 200
_MEAN_DRAWS = 1000


def judge(
    task: TaskMetrics,
    answers: Any,
    truth: Any,
    *,
    confidence: float = 0.95,
    num_draws: int = NUM_DRAWS,
    seed: int = 0,
    **options: Any,
) -> Quality:
    """Every figure of a task, with its interval.

    answers, truth, options: as the task's `cases` take them. num_draws: of the bootstrap of figures that are neither
    shares nor means, where each draw computes the figure anew; 0 leaves those without an interval. The same seed gives
    the same intervals. Raises DataError where answers and truth do not fit.
    """
    cases = task.cases(answers, truth, **options)
    details = task.details(cases)
    return Quality(
        task=task.name,
        num_samples=count(cases),
        figures={
            metric.name: _figure(metric, cases, confidence=confidence, num_draws=num_draws, seed=seed)
            for metric in task.metrics(cases)
        },
        classes=details.classes,
        confusion=details.confusion,
        curves=details.curves,
        notes=details.notes,
    )


def compare_answers(
    task: TaskMetrics,
    before: Any,
    after: Any,
    truth: Any,
    *,
    baseline: str,
    candidate: str,
    figures: Collection[str] | None = None,
    confidence: float = 0.95,
    num_draws: int = NUM_DRAWS,
    seed: int = 0,
    **options: Any,
) -> PairedTest:
    """Two models' answers to the same samples, figure by figure: what the candidate's is above the baseline's.

    Every draw of the bootstrap takes the same samples for both. figures: those to compare, None for all. num_draws: of
    figures that are neither shares nor means; 0 leaves those out. Raises DataError as `judge` does.
    """
    cases = tuple(task.cases(answers, truth, **options) for answers in (before, after))
    if count(cases[0]) != count(cases[1]):
        raise DataError(f"both models must answer the same samples, received {count(cases[0])} and {count(cases[1])}")
    return PairedTest(
        baseline=baseline,
        candidate=candidate,
        task=task.name,
        num_samples=count(cases[0]),
        differences={
            metric.name: _difference(metric, *cases, confidence=confidence, num_draws=num_draws, seed=seed)
            for metric in task.metrics(cases[0])
            if (figures is None or metric.name in figures) and (num_draws or metric.kind != "whole")
        },
    )


def count(cases: Cases) -> int:
    """How many cases there are."""
    return len(next(iter(cases.values())))


def _figure(metric: Metric, cases: Cases, *, confidence: float, num_draws: int, seed: int) -> Figure:
    interval: tuple[float | None, float | None] = (None, None)
    found = metric.of(cases)
    if metric.kind == "proportion":
        interval = wilson_interval(int(np.sum(found)), len(found), confidence=confidence)
    elif metric.kind == "mean":
        interval = bootstrap_interval(found, confidence=confidence, seed=seed)
    elif num_draws:
        interval = _limits(_drawn(metric, (cases,), num_draws, seed)[:, 0], confidence)
    value = found if metric.kind == "whole" else np.mean(found)
    return Figure(
        value=float(value),
        low=interval[0],
        high=interval[1],
        higher_is_better=metric.higher_is_better,
        unit=metric.unit,
    )


def _difference(
    metric: Metric, before: Cases, after: Cases, *, confidence: float, num_draws: int, seed: int
) -> Difference:
    values = [np.asarray(metric.of(cases), np.float64) for cases in (before, after)]
    if metric.kind == "whole":
        draws = _drawn(metric, (before, after), num_draws, seed)
        changes = draws[:, 1] - draws[:, 0]
        low, high = _limits(changes, confidence)
        p_value = bootstrap_p_value(changes)
    else:
        gains = values[1] - values[0]
        low, high = bootstrap_interval(gains, confidence=confidence, seed=seed)
        if metric.kind == "proportion":
            p_value = mcnemar_p_value(int((gains < 0).sum()), int((gains > 0).sum()))
        else:
            random = np.random.default_rng(seed)
            draws = np.array([gains[random.integers(0, len(gains), len(gains))].mean() for _ in range(_MEAN_DRAWS)])
            p_value = bootstrap_p_value(draws)
    old, new = (float(np.mean(value)) for value in values)
    return Difference(
        baseline=old,
        candidate=new,
        difference=new - old,
        low=low,
        high=high,
        p_value=p_value,
        higher_is_better=metric.higher_is_better,
        unit=metric.unit,
    )


def _drawn(metric: Metric, models: tuple[Cases, ...], num_draws: int, seed: int) -> NDArray[np.float64]:
    """The figure of each model on cases drawn with replacement, the same for all: [draws, models]."""
    random, size = np.random.default_rng(seed), count(models[0])
    figures = np.empty((num_draws, len(models)))
    # The cases were checked when they were made; scikit-learn would check each draw anew, which takes longer than it.
    with config_context(assume_finite=True, skip_parameter_validation=True):
        for draw in range(num_draws):
            chosen = random.integers(0, size, size)
            figures[draw] = [metric.of({name: array[chosen] for name, array in cases.items()}) for cases in models]
    return figures


def _limits(draws: NDArray[np.float64], confidence: float) -> tuple[float, float]:
    """The percentile interval; draws on which there is no figure, such as an area where one class is left, are out."""
    kept = draws[np.isfinite(draws)]
    if not len(kept):
        raise DataError("no draw of the bootstrap has this figure; more samples are needed, or num_draws=0")
    low, high = np.quantile(kept, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
