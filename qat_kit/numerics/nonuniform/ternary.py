"""Minus one, zero, plus one."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from qat_kit.numerics.nonuniform.encoded import Encoded, along, largest_magnitudes, other_axes, positive_scale

# The threshold as a share of the mean magnitude: exact for a uniform distribution at 2/3, for a normal one at 0.75.
TERNARY_THRESHOLD = 0.7


def encode_ternary(x: ArrayLike, *, axis: int | None = None) -> Encoded:
    """`scale · {−1, 0, 1}`: zero up to `Δ = 0.7 · mean |x|`, and `scale = mean |x| over |x| > Δ`, for each channel.

    Raises NumericsError: NaN, infinity, an empty array, a wrong axis.

    Source: Li et al. 2016 (TWN), arXiv:1605.04711, section 2.

    >>> encode_ternary([0.1, -0.2, 1.0, -3.0]).decode().tolist()  # mean 1.075, Δ 0.7525
    [0.0, 0.0, 2.0, -2.0]
    """
    array, _, axis = largest_magnitudes(x, axis)
    others = None if axis is None else other_axes(array, axis)
    magnitudes = np.abs(array)
    threshold = np.asarray(TERNARY_THRESHOLD * magnitudes.mean(axis=others, dtype=np.float64), np.float32)
    kept = magnitudes > along(threshold, array, axis)
    total = np.where(kept, magnitudes, 0).sum(axis=others, dtype=np.float64)
    scale = total / np.maximum(kept.sum(axis=others), 1)
    return Encoded(
        codes=(np.where(kept, np.sign(array), 0) + 1).astype(np.uint8),
        levels=np.array([-1, 0, 1], np.int8),
        scale=positive_scale(np.asarray(scale)),
        axis=axis,
        num_bits=2,
    )
