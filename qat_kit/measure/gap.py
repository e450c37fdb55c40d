"""Whether quantization makes a model fit its training data more, or the test data less: `train_test_gap`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qat_kit.errors import DataError
from qat_kit.measure.metrics import TaskMetrics
from qat_kit.results import TrainTestGap

_DRAWS = 2000


@dataclass(frozen=True, kw_only=True)
class Answered:
    """Two models' answers to the same samples, and the truth."""

    before: ArrayLike
    after: ArrayLike
    truth: ArrayLike
    options: dict[str, Any] = field(default_factory=dict)


def train_test_gap(task: TaskMetrics, train: Answered, test: Answered, *, seed: int = 0) -> TrainTestGap:
    """The leading figure on training data less that on test data, of both models, and by how much it changes.

        change = (after − before on training data) − (after − before on test data)

    Its 95 % interval is that of the bootstrap, pairs drawn anew within either set. Raises DataError where the task's
    leading figure is none of single samples, such as an area under a curve, and as `judge` does.
    """
    pairs: list[NDArray[np.float64]] = []
    for answered in (train, test):
        cases = [
            task.cases(answers, answered.truth, **answered.options) for answers in (answered.before, answered.after)
        ]
        metric = task.metrics(cases[0])[0]
        if metric.kind == "whole":
            raise DataError(f"{metric.name} is a figure of all samples together; the gap needs one of each sample")
        pairs.append(np.stack([np.asarray(metric.of(each), np.float64) for each in cases]))
    (of_train, of_test), random = pairs, np.random.default_rng(seed)
    gaps = of_train.mean(axis=1) - of_test.mean(axis=1)
    drawn = []
    for _ in range(_DRAWS):
        chosen = [part[:, random.integers(0, part.shape[1], part.shape[1])].mean(axis=1) for part in pairs]
        drawn.append(chosen[0] - chosen[1])
    draws = np.array(drawn)
    changes = draws[:, 1] - draws[:, 0]
    low, high = (float(value) for value in np.quantile(changes, [0.025, 0.975]))
    intervals = [tuple(float(value) for value in np.quantile(draws[:, place], [0.025, 0.975])) for place in (0, 1)]
    return TrainTestGap(
        figure=metric.name,
        higher_is_better=metric.higher_is_better,
        num_train=of_train.shape[1],
        num_test=of_test.shape[1],
        baseline=float(gaps[0]),
        candidate=float(gaps[1]),
        baseline_interval=(intervals[0][0], intervals[0][1]),
        candidate_interval=(intervals[1][0], intervals[1][1]),
        change=float(gaps[1] - gaps[0]),
        low=low,
        high=high,
    )
