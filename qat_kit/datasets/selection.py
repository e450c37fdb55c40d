"""Which samples calibrate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.datasets.splits import stratified_indices
from qat_kit.errors import DataError
from qat_kit.vocabulary import Selection

_BINS = 16


def choose_indices(
    size: int,
    count: int,
    *,
    how: Selection,
    labels: NDArray[Any] | None = None,
    features: Callable[[], NDArray[np.float32]] | None = None,
    seed: int = 0,
) -> NDArray[np.intp]:
    """The sorted places of `count` of `size` samples (of all of them, where `how` is `all`).

    labels: for `stratified`. features: for `coverage`, gives [samples, features].
    Raises DataError where there are fewer than asked, or labels are missing.
    """
    if how != "all" and not 1 <= count <= size:
        raise DataError(f"asked for {count} calibration samples, and there are {size}; ask for 1 to {size}")
    if how == "all":
        return np.arange(size)
    if how == "first":
        return np.arange(count)
    if how == "random":
        return np.sort(np.random.default_rng(seed).choice(size, size=count, replace=False))
    if how == "stratified":
        if labels is None:
            raise DataError("a stratified selection needs labels: an array `labels` in the .npz, or a folder a class")
        return stratified_indices(labels, [count], seed=seed)[0]
    if features is None:
        raise DataError("a selection by coverage needs the features that are to be covered")
    return greedy_coverage(features(), count)


def greedy_coverage(features: NDArray[np.float32], count: int) -> NDArray[np.intp]:
    """The sorted places of samples that together reach as many parts of each feature's range as they can.

    The range of each feature is cut into 16 parts; the sample that reaches most parts new to the chosen ones is taken
    next, the first of equals. When none reaches a new part, all count as new again.

    features: [samples, features].

    >>> greedy_coverage(np.array([[0.0], [0.1], [9.0], [0.2], [5.0]], np.float32), 3).tolist()
    [0, 2, 4]
    """
    low, high = features.min(axis=0), features.max(axis=0)
    span = np.where(high > low, high - low, 1.0)
    parts = np.minimum(((features - low) / span * _BINS).astype(np.intp), _BINS - 1)
    reached = np.zeros((features.shape[1], _BINS), bool)
    columns = np.arange(features.shape[1])
    left, chosen = list(range(len(features))), []
    for _ in range(count):
        gains = [int((~reached[columns, parts[index]]).sum()) for index in left]
        if not any(gains):
            reached[:] = False
            gains = [features.shape[1]] * len(left)
        best = left.pop(int(np.argmax(gains)))
        chosen.append(best)
        reached[columns, parts[best]] = True
    return np.sort(np.array(chosen, np.intp))
