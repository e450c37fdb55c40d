"""How good a model's answers are, and how two models' answers differ."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from qat_kit.errors import DataError
from qat_kit.measure.metrics import get_task, judge
from qat_kit.measure.metrics.classification import SMALLEST_PROBABILITY, class_numbers, score_table
from qat_kit.measure.statistics import bootstrap_interval, mcnemar_p_value
from qat_kit.results import Comparison, Quality
from qat_kit.vocabulary import Scores


def classification_quality(
    scores: ArrayLike,
    labels: ArrayLike,
    *,
    scores_are: Scores,
    smallest_probability: float = SMALLEST_PROBABILITY,
    num_draws: int = 0,
) -> Quality:
    """Accuracy with its 95 % Wilson interval, cross-entropy in nats with that of the bootstrap, and the other figures.

        cross-entropy = mean of −ln(max(p of the right class, smallest_probability))

    scores: real numbers of shape [samples, classes]; or [samples] or [samples, 1] for a model that says how likely
    class 1 of two is. labels: class numbers of shape [samples] or [samples, 1], or one-hot [samples, classes].
    The highest score is the answer; of equal ones, as int8 outputs often are, the lowest class.
    smallest_probability: applied to probabilities only, since logits have no floor. num_draws: see `judge`.

    Raises DataError: counts that differ, a label out of range, scores that are NaN or no probabilities.
    """
    return judge(
        get_task("classification"),
        scores,
        labels,
        scores_are=scores_are,
        smallest_probability=smallest_probability,
        num_draws=num_draws,
    )


def regression_quality(predictions: ArrayLike, targets: ArrayLike, *, num_draws: int = 0) -> Quality:
    """Mean squared and mean absolute error, over all elements, and R².

    predictions, targets: real numbers of one shape, samples on the first axis; [samples] and [samples, 1] are one.
    num_draws: see `judge`. Raises DataError where the shapes differ, or a value is NaN or infinite.

    >>> regression_quality([1.0, 2.0], [1.0, 4.0]).mean_squared_error
    2.0
    """
    return judge(get_task("regression"), predictions, targets, num_draws=num_draws)


def compare(
    baseline_scores: ArrayLike,
    candidate_scores: ArrayLike,
    labels: ArrayLike,
    *,
    baseline: str,
    candidate: str,
    scores_are: Scores | None = None,
) -> Comparison:
    """A candidate's answers against a baseline's on the same samples, with the exact McNemar test.

    Shapes, labels and errors as `classification_quality`. scores_are: needed only where the models have one output
    column, whose middle it decides. A drop is in percentage points, positive where the candidate is worse.
    """
    before, after = (score_table(scores, scores_are) for scores in (baseline_scores, candidate_scores))
    if before.shape != after.shape:
        raise DataError(
            f"both models must answer the same samples with the same classes; received scores {list(before.shape)} "
            f"for {baseline!r} and {list(after.shape)} for {candidate!r}"
        )
    classes = class_numbers(labels, *before.shape)
    answers_before, answers_after = before.argmax(axis=1), after.argmax(axis=1)
    was_right, is_right = answers_before == classes, answers_after == classes
    lost, gained = int((was_right & ~is_right).sum()), int((~was_right & is_right).sum())
    low, high = bootstrap_interval(100 * (was_right.astype(np.float64) - is_right))
    return Comparison(
        baseline=baseline,
        candidate=candidate,
        num_samples=len(classes),
        accuracy_drop_points=100 * (lost - gained) / len(classes),
        lost=lost,
        gained=gained,
        flipped=int((answers_before != answers_after).sum()),
        p_value=mcnemar_p_value(lost, gained),
        drop_low_points=low,
        drop_high_points=high,
    )
