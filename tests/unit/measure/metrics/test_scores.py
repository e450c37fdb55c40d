"""Regression, anomalies, verification and retrieval by hand and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, ndcg_score, roc_auc_score

from qat_kit.errors import DataError
from qat_kit.measure.metrics import get_task, judge
from qat_kit.measure.metrics.verification import equal_error_rate, true_accept_rate

RANDOM = np.random.default_rng(1)


def values(task: str, answers: object, truth: object, **options: object) -> dict[str, float]:
    quality = judge(get_task(task), answers, truth, num_draws=0, **options)
    return {name: figure.value for name, figure in quality.figures.items()}


def test_regression_by_hand() -> None:
    """Errors 0 0 3 of targets 2 2 1, whose mean is 5/3: squares about it are 2/3."""
    found = values("regression", [2.0, 2.0, 4.0], [2.0, 2.0, 1.0])
    assert found == pytest.approx({"mean_squared_error": 3.0, "mean_absolute_error": 1.0, "r2": 1 - 9 / (2 / 3)})
    constant = judge(get_task("regression"), [1.0, 2.0], [1.0, 1.0])
    assert "r2" not in constant.figures
    assert constant.notes == ("no R²: the targets of value 0 are all the same",)


def test_anomalies_by_hand() -> None:
    """Of 2·3 pairs of an anomaly and a normal sample five stand in order."""
    found = values("anomaly", [0.1, 0.2, 0.7, 0.6, 0.9], [0, 0, 0, 1, 1])
    assert found["roc_auc"] == pytest.approx(5 / 6)
    assert found["average_precision"] == pytest.approx((1 + 2 / 3) / 2)
    scores, truth = RANDOM.normal(size=300), RANDOM.integers(0, 2, 300)
    found = values("anomaly", scores + truth, truth)
    assert found["partial_roc_auc"] == roc_auc_score(truth, scores + truth, max_fpr=0.1)
    assert found["average_precision"] == average_precision_score(truth, scores + truth)
    assert found["partial_roc_auc"] < found["roc_auc"]


def test_verification_by_hand() -> None:
    """Thresholds between 0.4 and 0.6 accept one of four foreign pairs and reject one of four matching ones."""
    scores = [0.1, 0.2, 0.3, 0.6, 0.4, 0.7, 0.8, 0.9]
    cases = {"scores": np.array(scores), "labels": np.array([0, 0, 0, 0, 1, 1, 1, 1])}
    assert equal_error_rate(cases) == 0.25
    assert true_accept_rate(cases, false_accept_rate=0.0) == 0.75
    assert true_accept_rate(cases, false_accept_rate=0.25) == 1.0
    assert equal_error_rate(cases | {"labels": 1 - cases["labels"]}) == 0.75
    perfect = {"scores": np.array([0.1, 0.9]), "labels": np.array([0, 1])}
    assert equal_error_rate(perfect) == 0.0


def test_the_equal_error_rate_lies_between_the_points_of_the_curve() -> None:
    """Where scores are equal, the curve has a slope, and the rates meet on it."""
    cases = {"scores": np.array([3.0, 2.0, 1.0, 1.0]), "labels": np.array([1, 0, 1, 0])}
    # Falls from (accept ½, reject ½): the two rates are equal there.
    assert equal_error_rate(cases) == 0.5
    cases = {"scores": np.array([2.0, 1.0, 1.0, 1.0, 0.0]), "labels": np.array([1, 1, 0, 0, 0])}
    # From (0, ½) to (⅔, 0): 2t/3 = ½ − t/2 at t = 3/7.
    assert equal_error_rate(cases) == pytest.approx(2 / 7)


def test_rates_that_few_pairs_cannot_tell_are_left_out() -> None:
    quality = judge(get_task("verification"), RANDOM.random(40), [0, 1] * 20, num_draws=0)
    assert [name for name in quality.figures if name.startswith("tar")] == ["tar_at_far_0.1"]
    assert quality.notes == ("20 foreign pairs are too few for false accept rates of 0.01, 0.001",)


def test_retrieval_by_hand() -> None:
    """The relevant items are first, third and last of twelve."""
    scores = np.tile(np.arange(12.0, 0.0, -1.0), (3, 1))
    found = values("retrieval", scores, [0, 2, 11])
    assert found["hit_rate_at_10"] == pytest.approx(2 / 3)
    assert found["hit_rate_at_1"] == pytest.approx(1 / 3)
    assert found["mean_reciprocal_rank"] == pytest.approx((1 + 1 / 3 + 1 / 12) / 3)
    assert found["ndcg_at_10"] == pytest.approx((1 + 1 / np.log2(4) + 0) / 3)
    graded = RANDOM.integers(0, 4, (6, 12)) + 0.5
    assert values("retrieval", scores.repeat(2, axis=0), graded)["ndcg_at_5"] == pytest.approx(
        ndcg_score(graded, scores.repeat(2, axis=0), k=5)
    )


@pytest.mark.parametrize(
    ("task", "answers", "truth", "message"),
    [
        ("anomaly", [0.1, np.nan], [0, 1], r"scores must be finite, and scores\[1\] is nan"),
        ("anomaly", [0.1, 0.2], [0, 0], r"no anomalous sample \(label 1\)"),
        ("anomaly", [0.1, 0.2], [0, 2], r"labels must be 0 to 1, and labels\[1\] is 2"),
        ("verification", [0.1, 0.2], [1, 1], r"no foreign sample \(label 0\)"),
        ("verification", [0.1, 0.2, 0.3], [0, 1], "3 answers and 2 for the truth"),
        ("verification", [0.1, 0.2], [0.0, 1.0], "must be integers, received dtype float64"),
        ("retrieval", [[1.0, 2.0]], [2], r"must be 0 to 1, and relevant items\[0\] is 2"),
        ("retrieval", [[1.0, 2.0], [1.0, 2.0]], [[0, 1], [0, 0]], "query 1 has no relevant item"),
        ("retrieval", [[1.0, 2.0]], [[-1, 1]], "with negative values"),
        ("retrieval", [1.0, 2.0], [0, 1], r"\[queries, items\]"),
        ("regression", [1.0, 2.0], [1.0], r"received \[2\] and \[1\]"),
    ],
)
def test_what_does_not_fit_is_refused(task: str, answers: object, truth: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        judge(get_task(task), answers, truth)
