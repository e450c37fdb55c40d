"""Intervals cover what they should, and paired tests see what is there and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from qat_kit.errors import DataError, UnknownNameError
from qat_kit.measure.metrics import TASKS, compare_answers, get_task, judge
from qat_kit.measure.statistics import bootstrap_interval, bootstrap_p_value, mcnemar_p_value, wilson_interval

CLASSES = get_task("classification")


def test_tasks_are_known_by_name() -> None:
    assert "detection" in TASKS.names()
    assert all(get_task(name).name == name and get_task(name).summary for name in TASKS.names())
    with pytest.raises(UnknownNameError, match="did you mean 'segmentation'"):
        get_task("segmentatoin")


def test_the_bootstrap_of_a_mean_covers_it() -> None:
    """Of 200 samples of 40 exponential numbers, some 95 % of intervals hold the mean; 87 to 99 % by chance."""
    random = np.random.default_rng(0)
    held = 0
    for seed in range(200):
        low, high = bootstrap_interval(random.exponential(size=40), num_draws=300, seed=seed)
        held += low <= 1.0 <= high
    assert 174 <= held <= 198


def test_the_bootstrap_at_its_ends() -> None:
    assert bootstrap_interval([3.0, 3.0]) == (3.0, 3.0)
    low, high = bootstrap_interval(np.arange(20_000) % 2)
    assert (low, high) == pytest.approx((0.5 - 1.96 / 2 / 20_000**0.5, 0.5 + 1.96 / 2 / 20_000**0.5), abs=6e-4)
    with pytest.raises(DataError, match="at least one sample"):
        bootstrap_interval([])
    assert bootstrap_p_value([-1.0, 1.0, np.nan]) == 1.0
    with pytest.raises(DataError, match="no draw"):
        bootstrap_p_value([np.nan])


def test_shares_have_wilsons_interval_and_mcnemars_test() -> None:
    truth = np.arange(40) % 2
    # Every eighth answer is wrong, then every fourth.
    before, after = (np.eye(2)[truth ^ (np.arange(40) % every == 0)] for every in (8, 4))
    figure = judge(CLASSES, after, truth, num_draws=0).figures["accuracy"]
    assert (figure.low, figure.high) == wilson_interval(30, 40)
    test = compare_answers(CLASSES, before, after, truth, baseline="a", candidate="b", num_draws=20)
    difference = test.differences["accuracy"]
    assert (difference.baseline, difference.candidate, difference.difference) == (35 / 40, 30 / 40, -5 / 40)
    assert difference.p_value == mcnemar_p_value(5, 0)
    assert difference.low < -5 / 40 < difference.high <= 0


def test_pairs_tell_more_than_two_intervals() -> None:
    """Errors of both models differ a thousand times more between samples than between models."""
    random = np.random.default_rng(0)
    targets = random.normal(size=(100, 1)) * 10
    noise = random.normal(size=(100, 1)) * 10
    before, after = targets + noise, targets + noise * 1.01
    test = compare_answers(get_task("regression"), before, after, targets, baseline="float", candidate="int8")
    error = test.differences["mean_absolute_error"]
    assert (test.baseline, test.candidate, test.task, test.num_samples) == ("float", "int8", "regression", 100)
    assert 0 < error.low < error.difference < error.high
    assert error.p_value < 0.01
    alone = judge(get_task("regression"), before, targets).figures["mean_absolute_error"]
    assert alone.low is not None
    assert alone.high is not None
    assert alone.low < error.candidate < alone.high
    assert test.differences["r2"].p_value < 0.01


def test_equal_models_do_not_differ() -> None:
    random = np.random.default_rng(0)
    scores, truth = random.random(50), np.arange(50) % 2
    same = compare_answers(get_task("anomaly"), scores, scores, truth, baseline="a", candidate="b", num_draws=50)
    for difference in same.differences.values():
        assert (difference.difference, difference.low, difference.high, difference.p_value) == (0, 0, 0, 1)


def test_without_draws_shares_and_means_are_compared() -> None:
    test = compare_answers(CLASSES, np.eye(2), np.eye(2), [0, 1], baseline="a", candidate="b", num_draws=0)
    assert list(test.differences) == ["accuracy", "cross_entropy"]


def test_what_cannot_be_compared() -> None:
    with pytest.raises(DataError, match=r"received shape \[2\]"):
        compare_answers(CLASSES, np.eye(2), np.eye(2)[:1], [0, 1], baseline="a", candidate="b")
