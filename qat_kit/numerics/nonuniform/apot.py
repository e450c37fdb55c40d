"""Levels that are sums of two powers of two."""

from __future__ import annotations

from numpy.typing import ArrayLike

from qat_kit.errors import NumericsError
from qat_kit.numerics.nonuniform.encoded import Encoded, encode_nearest

# The two sets of terms for each num_bits, times the power of two that makes them integers. Every sum is different.
_TERMS = {
    3: ((0, 1, 2, 4), (0,)),
    4: ((0, 1, 4, 8), (0, 2)),
    5: ((0, 2, 8, 32), (0, 1, 4, 16)),
}


def apot_levels(num_bits: int) -> tuple[int, ...]:
    """The levels of `encode_apot`, ascending; raises NumericsError for other than 3, 4 or 5 bits.

    >>> apot_levels(3)
    (-4, -2, -1, 0, 1, 2, 4)
    """
    if num_bits not in _TERMS:
        raise NumericsError(f"num_bits of additive powers of two must be 3, 4 or 5, received {num_bits}")
    first, second = _TERMS[num_bits]
    sums = {one + other for one in first for other in second}
    return tuple(sorted(sums | {-level for level in sums}))


def encode_apot(x: ArrayLike, *, num_bits: int = 4, axis: int | None = None) -> Encoded:
    """`scale · ±(p + p')`, each term zero or one of its own powers of two: dense about zero, less coarse at the ends.

        3 bits: {0, 1, 2, 4};   4 bits: {0, 1, 4, 8} + {0, 2};   5 bits: {0, 2, 8, 32} + {0, 1, 4, 16}

    Plain powers of two waste codes: their steps halve near zero, while the largest step stays as coarse as half the
    range however many bits there are. Two shifts and an addition multiply by a level. To the nearest level.

    Raises NumericsError: NaN, infinity, an empty array, a wrong axis, num_bits other than 3, 4 or 5.

    Source: Li et al. 2020 (APoT), arXiv:1909.13144, section 2; the sets are those of its published code.

    >>> encode_apot([10.0, 5.2, -2.9, 0.2]).grid.tolist()
    [10, 6, -3, 0]
    """
    return encode_nearest(x, apot_levels(num_bits), num_bits=num_bits, axis=axis)
