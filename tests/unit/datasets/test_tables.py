"""Tables: columns on one scale, computed from the training rows alone."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer as raw_breast_cancer

from qat_kit.datasets import Dataset, load_breast_cancer, load_diabetes


@pytest.mark.parametrize(
    ("dataset", "counts"),
    [(load_breast_cancer(), (313, 57, 57, 142)), (load_diabetes(), (244, 44, 44, 110))],
    ids=["breast cancer", "diabetes"],
)
def test_columns_are_standardized_on_the_training_rows(dataset: Dataset, counts: tuple[int, ...]) -> None:
    splits = (dataset.train, dataset.calibration, dataset.validation, dataset.test)
    assert tuple(len(split) for split in splits) == counts
    columns = dataset.train.inputs[0]
    np.testing.assert_allclose(columns.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(columns.std(axis=0), 1, atol=1e-6)
    # The others are near that, and not at it: nothing of them went into the figures.
    assert 1e-3 < np.abs(dataset.test.inputs[0].mean(axis=0)).max() < 0.5


def test_rows_and_labels_stay_together() -> None:
    table, labels = raw_breast_cancer(return_X_y=True)
    test = load_breast_cancer().test
    # The larger the first measure, the likelier a tumour is malignant (0): in the whole table, and in the test rows.
    assert np.corrcoef(table[:, 0], labels)[0, 1] < -0.7
    assert np.corrcoef(test.inputs[0][:, 0], np.asarray(test.labels))[0, 1] < -0.7


def test_the_target_of_a_regression_is_standardized_too() -> None:
    targets = np.asarray(load_diabetes().train.labels)
    assert targets.shape == (244, 1)
    np.testing.assert_allclose([targets.mean(), targets.std()], [0, 1], atol=1e-6)


def test_an_app_is_told_each_columns_scale() -> None:
    table, _ = raw_breast_cancer(return_X_y=True)
    dataset = load_breast_cancer()
    stated = dataset.preprocessing
    (place,) = dataset.calibration_indices[:1]
    told = (table[place] - np.array(stated.mean)) / np.array(stated.std)
    np.testing.assert_allclose(dataset.calibration.inputs[0][0], told, rtol=1e-4, atol=1e-6)
