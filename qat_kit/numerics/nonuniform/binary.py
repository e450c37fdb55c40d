"""One bit a weight."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qat_kit.numerics.nonuniform.encoded import Encoded, largest_magnitudes, other_axes, positive_scale


def encode_binary(x: ArrayLike, *, axis: int | None = None) -> Encoded:
    """`sign(x) · scale` with `scale = mean |x|` of each channel, which has the least squared error of all scales.

    Zero counts as positive: one bit has no code for it. `binary_gradient` is its gradient.

    Raises NumericsError: NaN, infinity, an empty array, a wrong axis.

    Source: Rastegari et al. 2016 (XNOR-Net), arXiv:1603.05279, section 3.1.

    >>> encode_binary([[1.0, -3.0], [0.5, 0.5]], axis=0).decode().tolist()
    [[2.0, -2.0], [0.5, 0.5]]
    """
    array, _, axis = largest_magnitudes(x, axis)
    scale = np.abs(array).mean(axis=None if axis is None else other_axes(array, axis), dtype=np.float64)
    return Encoded(
        codes=(array >= 0).astype(np.uint8),
        levels=np.array([-1, 1], np.int8),
        scale=positive_scale(np.asarray(scale)),
        axis=axis,
        num_bits=1,
    )


def binary_gradient(
    x: ArrayLike, upstream: ArrayLike, *, estimator: Literal["straight_through", "approximate_sign"]
) -> NDArray[np.float64]:
    """The gradient that training takes for that of `encode_binary`, whose own is 0 wherever it is one.

        straight_through:  upstream where |x| ≤ 1, else 0
        approximate_sign:  upstream · (2 − 2·|x|) where |x| < 1, else 0: the slope of a piecewise quadratic sign

    x, upstream: one shape. Returns that shape, float64.

    Source: Rastegari et al. 2016 (XNOR-Net), arXiv:1603.05279, section 3.1; Liu et al. 2018 (Bi-Real Net),
    arXiv:1808.00278, section 3.2.

    >>> binary_gradient([-1.5, -0.5, 0.0, 1.0], np.ones(4), estimator="approximate_sign").tolist()
    [0.0, 1.0, 2.0, 0.0]
    """
    magnitude = np.abs(np.asarray(x, np.float64))
    slope = np.maximum(2 - 2 * magnitude, 0) if estimator == "approximate_sign" else (magnitude <= 1).astype(np.float64)
    return np.asarray(slope * np.asarray(upstream, np.float64))
