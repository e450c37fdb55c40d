"""The gap between training and test data, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from qat_kit.errors import DataError
from qat_kit.measure.gap import Answered, train_test_gap
from qat_kit.measure.metrics import get_task


def scores(right: int, count: int) -> Answered:
    """The first model has all right, the second `right` of `count`."""
    truth = np.arange(count) % 2
    all_right = np.eye(2)[truth]
    some = all_right.copy()
    some[right:] = 1 - some[right:]
    return Answered(before=all_right, after=some, truth=truth)


def test_a_model_that_loses_on_test_data_alone() -> None:
    gap = train_test_gap(get_task("classification"), scores(100, 100), scores(45, 50))
    assert (gap.figure, gap.num_train, gap.num_test) == ("accuracy", 100, 50)
    assert (gap.baseline, gap.baseline_interval) == (0.0, (0.0, 0.0))
    assert gap.candidate == pytest.approx(0.1)
    assert gap.change == pytest.approx(0.1)
    # Binomial: the deviation of a share of 0.1 of 50 is 0.042, so the interval reaches some 0.083 to either side.
    assert gap.low == pytest.approx(0.02, abs=0.011)
    assert gap.high == pytest.approx(0.18, abs=0.021)
    assert gap == train_test_gap(get_task("classification"), scores(100, 100), scores(45, 50))


def test_a_loss_on_both_is_no_change() -> None:
    gap = train_test_gap(get_task("classification"), scores(90, 100), scores(45, 50))
    assert gap.change == pytest.approx(0.0)
    assert gap.low < 0 < gap.high


def test_a_figure_of_all_samples_together() -> None:
    strange = Answered(before=np.array([0.1, 0.9]), after=np.array([0.2, 0.8]), truth=np.array([0, 1]))
    with pytest.raises(DataError, match="roc_auc is a figure of all samples together"):
        train_test_gap(get_task("anomaly"), strange, strange)
