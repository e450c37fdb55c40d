"""What answers and truth must be before anything is computed of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qat_kit.errors import DataError


def finite(values: ArrayLike, what: str) -> NDArray[np.float64]:
    """The values as float64; raises DataError for NaN and infinity, with the place of the first."""
    array = np.asarray(values, np.float64)
    bad = ~np.isfinite(array)
    if bad.any():
        index = [int(position) for position in np.argwhere(bad)[0]]
        raise DataError(f"{what} must be finite, and {what}{index} is {array[tuple(index)]}")
    return array


def same_count(answers: Sequence[Any] | NDArray[Any], truth: Sequence[Any] | NDArray[Any], what: str) -> int:
    """How many there are of both; raises DataError where the counts differ or are 0."""
    if len(answers) != len(truth) or not len(answers):
        raise DataError(
            f"answers and truth must be of the same {what}, one or more; received {len(answers)} answers and "
            f"{len(truth)} for the truth"
        )
    return len(answers)


def integers(values: ArrayLike, what: str, *, low: int, high: int) -> NDArray[np.int64]:
    """Whole numbers from low to high − 1; raises DataError for others, with the place of the first."""
    array = np.asarray(values)
    if array.dtype.kind not in "iub":
        raise DataError(f"{what} must be integers, received dtype {array.dtype}")
    numbers = array.astype(np.int64)
    outside = (numbers < low) | (numbers >= high)
    if outside.any():
        index = [int(position) for position in np.argwhere(outside)[0]]
        raise DataError(f"{what} must be {low} to {high - 1}, and {what}{index} is {numbers[tuple(index)]}")
    return numbers


def scores_of_two(scores: ArrayLike, truth: ArrayLike, *, positive: str, negative: str) -> dict[str, NDArray[Any]]:
    """Cases of one score each, of two kinds: `scores` [n] and `labels` [n], 1 where it is `positive`.

    Raises DataError where counts differ, a score is not finite, or one of the two kinds is missing.
    """
    values, labels = finite(scores, "scores"), np.asarray(truth)
    values, labels = (array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array for array in (values, labels))
    if values.ndim != 1 or labels.ndim != 1:
        raise DataError(
            f"one score and one label a sample are needed, received {list(values.shape)} and {list(labels.shape)}"
        )
    same_count(values, labels, "samples")
    numbers = integers(labels, "labels", low=0, high=2)
    for number, kind in enumerate((negative, positive)):
        if not (numbers == number).any():
            raise DataError(f"the test data has no {kind} sample (label {number}), and the figures need both kinds")
    return {"scores": values, "labels": numbers}
