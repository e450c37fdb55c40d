"""Figures of classes against cases worked by hand, and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score, log_loss, precision_score, recall_score, roc_auc_score, top_k_accuracy_score

from qat_kit.measure.metrics import get_task, judge
from qat_kit.results import ClassFigures

TASK = get_task("classification")
RANDOM = np.random.default_rng(0)


def test_by_hand() -> None:
    """Truth 0 0 1 1 2, answers 0 1 1 1 0: precision ½, ⅔, –; recall ½, 1, 0; F1 ½, ⅘, 0."""
    scores = np.eye(3)[[0, 1, 1, 1, 0]]
    quality = judge(TASK, scores, [0, 0, 1, 1, 2], scores_are="probabilities", num_draws=0)
    assert quality.headline == "accuracy"
    assert quality.accuracy == 0.6
    assert quality.confusion == ((1, 1, 0), (0, 2, 0), (1, 0, 0))
    assert quality.classes[0] == ClassFigures(count=2, precision=0.5, recall=0.5, f1=0.5)
    assert quality.classes[1] == ClassFigures(count=2, precision=2 / 3, recall=1.0, f1=0.8)
    assert quality.classes[2] == ClassFigures(count=1, precision=None, recall=0.0, f1=0.0)
    assert quality.figures["macro_f1"].value == pytest.approx((0.5 + 0.8) / 3)
    assert quality.figures["macro_precision"].value == pytest.approx((0.5 + 2 / 3) / 3)
    assert quality.figures["macro_recall"].value == pytest.approx(0.5)
    assert "top_5_accuracy" not in quality.figures


def test_calibration_by_hand() -> None:
    """Two bins hold samples: confidence 0.9 twice, one right; 0.6 twice, both right: (|1−1.8| + |2−1.2|)/4."""
    scores = [[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]]
    quality = judge(TASK, scores, [0, 1, 0, 0], scores_are="probabilities", num_draws=0)
    assert quality.figures["expected_calibration_error"].value == pytest.approx(0.4)
    assert np.array(quality.curves["reliability"]) == pytest.approx(np.array([[0.6, 1.0], [0.9, 0.5]]))
    assert not quality.figures["expected_calibration_error"].higher_is_better


def test_a_confidence_on_an_edge_belongs_to_the_bin_below() -> None:
    """0.8 = 12/15 ends the twelfth bin; 0.79 lies in it too."""
    scores = [[0.8, 0.2], [0.79, 0.21]]
    assert len(judge(TASK, scores, [0, 1], scores_are="probabilities", num_draws=0).curves["reliability"]) == 1


def test_against_scikit_learn() -> None:
    logits, labels = RANDOM.normal(size=(200, 7)), RANDOM.integers(0, 7, 200)
    logits[np.arange(200), labels] += 1
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    figures = judge(TASK, logits, labels, num_draws=0).figures
    expected = {
        "cross_entropy": log_loss(labels, probabilities),
        "top_5_accuracy": top_k_accuracy_score(labels, logits, k=5),
        "macro_f1": f1_score(labels, logits.argmax(axis=1), average="macro"),
        "macro_precision": precision_score(labels, logits.argmax(axis=1), average="macro"),
        "macro_recall": recall_score(labels, logits.argmax(axis=1), average="macro"),
        "roc_auc": roc_auc_score(labels, probabilities, multi_class="ovr"),
    }
    assert {name: figures[name].value for name in expected} == pytest.approx(expected)


def test_equal_scores_go_to_the_lowest_class() -> None:
    """Class 5 of six equal ones is sixth, so it is not among the first five."""
    figures = judge(TASK, np.zeros((2, 6)), [0, 5], num_draws=0).figures
    assert (figures["accuracy"].value, figures["top_5_accuracy"].value) == (0.5, 0.5)


def test_two_classes_have_curves() -> None:
    quality = judge(TASK, [0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1], scores_are="probabilities", num_draws=0)
    assert quality.figures["roc_auc"].value == 0.75  # three of four pairs stand in order
    assert quality.curves["roc"][0] == (0.0, 0.0)
    assert quality.curves["roc"][-1] == (1.0, 1.0)


def test_a_class_that_is_missing_is_noted_and_left_out() -> None:
    quality = judge(TASK, np.eye(4)[[0, 1, 2]], [0, 1, 1], num_draws=0)
    assert quality.notes == ("the test data has no sample of 2 of 4 classes (2, 3); averages leave them out",)
    assert set(quality.classes) == {0, 1}
    assert quality.figures["macro_recall"].value == 0.75
    alone = judge(TASK, np.eye(4)[[0, 1, 2]], [1, 1, 1], num_draws=0)
    assert not {"roc_auc", "average_precision"} & set(alone.figures)


def test_intervals_hold_the_figure_and_repeat() -> None:
    scores, labels = RANDOM.normal(size=(60, 2)), RANDOM.integers(0, 2, 60)
    quality = judge(TASK, scores, labels, num_draws=20)
    assert quality == judge(TASK, scores, labels, num_draws=20)
    assert quality != judge(TASK, scores, labels, num_draws=20, seed=1)
    for name, figure in quality.figures.items():
        assert figure.low is not None, name
        assert figure.high is not None, name
        assert figure.low < figure.high, name
        assert figure.low <= figure.value or name == "expected_calibration_error"  # draws raise this one
    without = judge(TASK, scores, labels, num_draws=0).figures
    assert without["roc_auc"].low is None
    assert without["accuracy"].low is not None
