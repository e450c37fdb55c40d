"""Two tables that come in scikit-learn's wheel, each column brought to mean 0 and standard deviation 1.

One input has one scale in an int8 file: columns of different units must be brought to one range before it, in the app
too, or the small ones are lost between two codes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.datasets.splits import Dataset, Split, stratified_indices
from qat_kit.manifest import Preprocessing

# The split is part of the dataset: changing it makes figures incomparable.
_SPLIT_SEED = 569
_SHARES = {"test": 0.25, "validation": 0.1, "calibration": 0.1}


def load_breast_cancer() -> Dataset:
    """30 measures of cell nuclei, [samples, 30]; class 0 malignant, 1 benign. 569 samples, 142 of them to test.

    Source: W. Wolberg, O. Mangasarian, N. Street and W. Street, Breast Cancer Wisconsin (Diagnostic), UCI Machine
    Learning Repository (1993), CC BY 4.0.
    """
    from sklearn.datasets import load_breast_cancer as load

    table, labels = load(return_X_y=True)
    return _dataset(table, labels.astype(np.int64), _parts(labels), class_names=("malignant", "benign"))


def load_diabetes() -> Dataset:
    """Ten measures of a patient, [samples, 10], and the disease's progress a year later, [samples, 1]; 442 samples.

    The target is scaled to mean 0 and standard deviation 1 on the training samples, like the columns.
    Source: B. Efron, T. Hastie, I. Johnstone and R. Tibshirani, Least Angle Regression, Annals of Statistics (2004).
    """
    from sklearn.datasets import load_diabetes as load

    table, progress = load(return_X_y=True, scaled=False)
    quarters = np.digitize(progress, np.quantile(progress, [0.25, 0.5, 0.75]))
    parts = _parts(quarters)
    target = _standardized(progress[:, np.newaxis], parts["train"])
    return _dataset(table, target, parts)


def _parts(strata: NDArray[Any]) -> dict[str, NDArray[np.intp]]:
    """Which rows are for what, each stratum in proportion."""
    counts = [round(share * len(strata)) for share in _SHARES.values()]
    groups = stratified_indices(strata, [*counts, len(strata) - sum(counts)], seed=_SPLIT_SEED)
    return dict(zip((*_SHARES, "train"), groups, strict=True))


def _standardized(columns: NDArray[Any], train: NDArray[np.intp]) -> NDArray[np.float32]:
    known = columns[train]
    return np.asarray((columns - known.mean(axis=0)) / known.std(axis=0), np.float32)


def _dataset(
    table: NDArray[Any],
    labels: NDArray[Any],
    parts: dict[str, NDArray[np.intp]],
    *,
    class_names: tuple[str, ...] = (),
) -> Dataset:
    known = table[parts["train"]]
    mean, std = known.mean(axis=0), known.std(axis=0)
    everything = Split(inputs=(_standardized(table, parts["train"]),), labels=labels)
    return Dataset(
        train=everything.take(parts["train"]),
        calibration=everything.take(parts["calibration"]),
        validation=everything.take(parts["validation"]),
        test=everything.take(parts["test"]),
        calibration_indices=tuple(int(index) for index in parts["calibration"]),
        class_names=class_names,
        preprocessing=Preprocessing(mean=tuple(mean.tolist()), std=tuple(std.tolist())),
    )
