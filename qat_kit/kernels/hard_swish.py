"""HARD_SWISH, in every kernel set: XNNPACK takes it in float only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.kernels import gemmlowp
from qat_kit.kernels.call import Call
from qat_kit.kernels.lookup import each_code
from qat_kit.numerics.fixed_point import quantize_multiplier, rounding_divide_by_power_of_two

_LOWEST, _HIGHEST = -(1 << 15), (1 << 15) - 1


def hard_swish(call: Call) -> tuple[NDArray[Any]]:
    """`x · min(max(x + 3, 0), 6) / 6` in 16-bit fixed point, int8 only.

    x is shifted up by 7 bits. Once it is put on the output's scale, less the final shift; once on the scale where 3 is
    2¹⁵, saturating, which halved around 2¹⁴ is the factor within 0 and 1. Their high product, cut towards zero, is
    shifted down with rounding, ties away.

    Raises NotSimulatedError where s_input / s_output is 128 and more: LiteRT refuses that too.

    The NEON kernel of arm64, by its source, rounds its shifts up at ties, so codes may differ there by 1 on "builtin".

    Source: HardSwishPrepare in tflite/kernels/activations.cc; tflite/kernels/internal/reference/hard_swish.h.
    """
    x, y = call.input(0), call.output
    if x.type != "INT8":
        raise call.refuse(f"type {x.type}")
    fine_scale = np.float32(1 / 128) * x.scale32
    output_multiplier, output_shift = _multiplier(fine_scale / y.scale32)
    factor_multiplier, factor_shift = _multiplier(fine_scale / np.float32(3 / 32768))
    if output_shift > 0:
        raise call.refuse(f"an input scale {x.scale32} that is 128 times the output's {y.scale32}")

    def codes_of(codes: NDArray[np.int64]) -> NDArray[Any]:
        fine = (codes - x.zero) << 7
        value = gemmlowp.multiply(fine, output_multiplier, num_bits=16)
        # All but the last bit of a left shift comes first, so that only the last can saturate the result.
        factor = _saturated(fine << max(factor_shift - 1, 0))
        factor = gemmlowp.multiply(factor, factor_multiplier, num_bits=16)
        factor = _saturated(factor << int(factor_shift > 0))
        factor = (_shifted_down(factor, max(-factor_shift, 0)) + (1 << 15)) >> 1
        product = factor * value
        high = np.where(product >= 0, product >> 15, -(-product >> 15))
        return y.zero + _shifted_down(high, -output_shift)

    return each_code(call, codes_of)


def _multiplier(real: np.float32) -> tuple[int, int]:
    """A multiplier with a mantissa of 16 bits, and its shift."""
    mantissa, shift = quantize_multiplier(real)
    return min((int(mantissa) + (1 << 15)) >> 16, _HIGHEST), int(shift)


def _shifted_down(x: NDArray[np.int64], places: int) -> NDArray[np.int64]:
    """`round(x / 2^places)`, ties away. Beyond 15 LiteRT's mask of 16 bits wraps: whatever x is counts as one step."""
    if places > 15:
        return np.where(x < 0, -1, 1)
    return rounding_divide_by_power_of_two(x, places).astype(np.int64)


def _saturated(x: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.clip(x, _LOWEST, _HIGHEST)
