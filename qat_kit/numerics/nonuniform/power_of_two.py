"""Levels that a shift can multiply by."""

from __future__ import annotations

from numpy.typing import ArrayLike

from qat_kit.errors import NumericsError
from qat_kit.numerics.nonuniform.encoded import Encoded, encode_nearest


def power_of_two_levels(num_bits: int) -> tuple[int, ...]:
    """The levels of `encode_power_of_two`, ascending; raises NumericsError for other than 2 to 4 bits.

    >>> power_of_two_levels(3)
    (-4, -2, -1, 0, 1, 2, 4)
    """
    if not 2 <= num_bits <= 4:
        raise NumericsError(f"num_bits of powers of two must be 2 to 4 (±64 on the int8 grid), received {num_bits}")
    powers = [1 << exponent for exponent in range((1 << (num_bits - 1)) - 1)]
    return tuple(sorted([0, *powers, *(-power for power in powers)]))


def encode_power_of_two(x: ArrayLike, *, num_bits: int = 4, axis: int | None = None) -> Encoded:
    """`scale · {0, ±1, ±2, ±4 … ±2^(2^(num_bits − 1) − 2)}`, to the nearest level; a channel's largest weight is exact.

    num_bits: 2 to 4, of a code: a sign and an exponent, one code for zero: 3, 7 or 15 levels. In 4 bits the levels
    reach ±64, the largest powers on the int8 grid. The scale itself is a real number, not a power of two.

    Raises NumericsError: NaN, infinity, an empty array, a wrong axis, num_bits outside 2 to 4.

    Source: Zhou et al. 2017 (INQ), arXiv:1702.03044, section 2.

    >>> encoded = encode_power_of_two([64.0, 33.0, -20.0, 0.3])
    >>> encoded.levels.max(), encoded.decode().tolist()
    (np.int8(64), [64.0, 32.0, -16.0, 0.0])
    """
    return encode_nearest(x, power_of_two_levels(num_bits), num_bits=num_bits, axis=axis)
