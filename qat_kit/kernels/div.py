"""DIV, in every kernel set: XNNPACK takes it in float only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.kernels import gemmlowp
from qat_kit.kernels.call import Call
from qat_kit.kernels.sums import centred, to_codes
from qat_kit.numerics.fixed_point import quantize_multiplier, saturating_rounding_doubling_high_multiply


def div(call: Call) -> tuple[NDArray[Any]]:
    """`a / b`, int8, uint8 and int16: a with all its headroom, times 1 / b by Newton's division, times the scales.

    The ratio s_a / (s_b · s_output) is a float32 number. How far the product is shifted down depends on both codes;
    where that is more than 31 bits C leaves the result open, and on x86 it is wrong by as much as the codes' range: a
    quotient of 0.01 may come out as the highest code, and 0 / b as 1. So it is computed here. It happens where
    s_a / (s_b · s_output) has fewer bits than b: an output scale that is not fine beside s_a / s_b.

    Raises NotSimulatedError for a b of 0, on which LiteRT stops, and for other types.

    Source: tflite/kernels/div.cc, DivElementwise in tflite/kernels/internal/reference/div.h; GetReciprocal in
    tflite/kernels/internal/common.h; RoundingDivideByPOT in gemmlowp/fixedpoint/fixedpoint.h.
    """
    a, b, y = call.input(0), call.input(1), call.output
    types = {a.type, b.type, y.type}
    if types not in ({"INT8"}, {"UINT8"}, {"INT16"}):
        raise call.refuse(f"types {', '.join(sorted(types))}")
    numerator, denominator = np.broadcast_arrays(centred(call, 0), centred(call, 1))
    if (denominator == 0).any():
        raise call.refuse("a division by 0, on which LiteRT stops,")
    mantissa, shift = quantize_multiplier(float(a.scale32 / (b.scale32 * y.scale32)))
    numerator, denominator = numerator * np.sign(denominator), np.abs(denominator)
    inverse, places = gemmlowp.reciprocal(denominator, 31)
    # Of int32, the sign apart: 31 where there is nothing.
    headroom = gemmlowp.leading_zeros(np.where(numerator < 0, ~numerator, numerator)) - 1
    quotient = saturating_rounding_doubling_high_multiply(numerator << headroom, inverse)
    product = saturating_rounding_doubling_high_multiply(quotient, mantissa).astype(np.int64)
    down = places + headroom - shift
    if (down < 0).any():
        raise call.refuse("an output scale so small that a quotient leaves int32")
    return (to_codes(call, _shifted_as_on_x86(product, down)),)


def shifts_too_far(ratio: float, largest_divisor: int) -> bool:
    """Whether a quotient of 0 is shifted down by more than 31 bits, and small ones with it.

    ratio: s_a / (s_b · s_output). largest_divisor: the largest |code − zero point| of b.

    >>> shifts_too_far(0.01 / (0.01 * 0.5), 100), shifts_too_far(0.01 / (0.01 * 0.005), 100)
    (True, False)
    """
    _, shift = quantize_multiplier(ratio)
    return largest_divisor.bit_length() - 1 > int(shift)


def _shifted_as_on_x86(product: NDArray[np.int64], down: NDArray[np.int64]) -> NDArray[np.int64]:
    """gemmlowp's rounding shift of int32, of which x86 takes the lowest 5 bits and cuts the mask to 32."""
    mask = np.where(down > 31, -1, (np.int64(1) << np.minimum(down, 31)) - 1)
    threshold = (mask >> 1) + (product < 0)
    return (product >> (down & 31)) + ((product & mask) > threshold)
