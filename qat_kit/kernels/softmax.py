"""SOFTMAX over the last axis, each kernel set; XNNPACK takes it in float only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.errors import NotSimulatedError
from qat_kit.kernels import c_math, gemmlowp
from qat_kit.kernels.call import Call
from qat_kit.kernels.interpolation import int16_table, interpolate
from qat_kit.kernels.movement import moved
from qat_kit.numerics.fixed_point import (
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    rounding_divide_by_power_of_two,
)
from qat_kit.numerics.rounding import round_half_away

_INPUT_INTEGER_BITS, _SUM_INTEGER_BITS = 5, 12


def softmax(call: Call) -> tuple[NDArray[Any], ...]:
    """`exp(beta·x) / Σ exp(beta·x)` over the last axis: int8 at scale 1/256 with zero point −128, int16 at 1/32768.

        reference   gemmlowp's exp and reciprocal on differences from the row's largest code, 5 integer bits
        builtin     float32: a table exp(−s_input·beta·d), summed in order, times 1 / (sum · s_output), ties away
        int16       in every kernel set: tables of exp on [−10, 0] and of 1 / (1 + x), both interpolated

    Raises NotSimulatedError for other types, for int16 rows of more than 65,536, and on "reference" where the
    exponentials of a row, the largest being 1, sum to 512 or more: that kernel ends the process.

    On arm64, by its source (TFLITE_SOFTMAX_USE_UINT16_LUT), the builtin kernel works with tables of integers,
    so codes may differ there.

    Source: SoftmaxPrepare in tflite/kernels/activations.cc; tflite/kernels/internal/reference/softmax.h; Softmax in
    tflite/kernels/internal/optimized/optimized_ops.h.
    """
    x, y = call.input(0), call.output
    if x.type not in ("INT8", "INT16") or x.type != y.type:
        raise call.refuse(f"{x.type} to {y.type}")
    rows = x.values.astype(np.int64).reshape(-1, x.values.shape[-1])
    below = rows - rows.max(axis=1, keepdims=True)
    if x.type == "INT16":
        return moved(call, _interpolated(call, below).astype(np.int16))
    codes = _fixed_point(call, below) if call.is_plain else _float32(call, below)
    return moved(call, np.clip(codes, *y.code_range).astype(y.dtype))


# The steps of a softmax's input must be larger than this, or the reference kernels end the process.
SMALLEST_STEP = 2.0**-26


def scaled_difference(call: Call, multiplier: float) -> tuple[int, int, int]:
    """(mantissa, shift, lowest): how a difference of codes gets 5 integer bits, and from where on exp counts it.

    multiplier: beta · s_input in double precision. Raises NotSimulatedError where it is `SMALLEST_STEP` or less.

    Source: PreprocessSoftmaxScaling, CalculateInputRadius in tflite/kernels/internal/quantization_util.cc.
    """
    if multiplier <= SMALLEST_STEP:
        raise call.refuse(f"input steps of {multiplier:.3g}, on which it ends the process,")
    fractional_bits = 31 - _INPUT_INTEGER_BITS
    real = min(multiplier * 2.0**fractional_bits, 2.0**31 - 1)
    # quantize_multiplier ends at 2³⁰; a power of two apart, the mantissa is the same.
    mantissa, places = quantize_multiplier(real / 2.0**fractional_bits)
    left = int(places) + fractional_bits
    radius = int(np.floor((2**_INPUT_INTEGER_BITS - 1) * 2.0**fractional_bits / 2.0**left))
    return int(mantissa), left, -radius


def _fixed_point(call: Call, below: NDArray[np.int64]) -> NDArray[np.int64]:
    mantissa, left, lowest = scaled_difference(call, float(np.float32(call.options["beta"])) * call.input(0).real_scale)
    counted = below >= lowest
    exps = gemmlowp.exp_of_negative(
        multiply_by_quantized_multiplier(np.where(counted, below, 0), mantissa, left), _INPUT_INTEGER_BITS
    )
    total = np.where(counted, gemmlowp.shift(exps, -_SUM_INTEGER_BITS), 0).sum(axis=1, keepdims=True)
    if (total >= 512 << (31 - _SUM_INTEGER_BITS)).any():
        raise NotSimulatedError(
            "SOFTMAX on kernel set reference ends the process where the exponentials of a row, the largest being 1, "
            "sum to 512 or more; use another kernel set"
        )
    scale, bits = gemmlowp.reciprocal(total, _SUM_INTEGER_BITS)
    shares = rounding_divide_by_power_of_two(gemmlowp.multiply(scale, exps), bits + 23)
    return np.where(counted, shares.astype(np.int64) - 128, -128)


def _float32(call: Call, below: NDArray[np.int64]) -> NDArray[np.int64]:
    exps = exp_table(call, np.float32(call.options["beta"]))[-below]
    # One addition after another, as the kernel's loop does it.
    total = np.add.accumulate(exps, axis=1, dtype=np.float32)[:, -1:]
    shares = exps * (np.float32(1) / (total * call.output.scale32))
    return round_half_away(shares).astype(np.int64) + call.output.zero


def exp_table(call: Call, beta: np.float32) -> NDArray[np.float32]:
    """exp(−s_input·beta·d) for d from 0 to 255, in float32.

    Source: PopulateSoftmaxLookupTable in tflite/kernels/internal/optimized/optimized_ops.h.
    """
    exponents = (-call.input(0).scale32 * beta) * np.arange(256, dtype=np.float32)
    return c_math.exp(exponents)


def _interpolated(call: Call, below: NDArray[np.int64]) -> NDArray[np.int64]:
    exponentials = int16_table(
        np.exp, input_scale=np.float64(10.0 / 65535), input_zero_point=32767, output_scale=np.float64(2.0 / 65535)
    )
    inverses = int16_table(
        lambda x: 1 / (1 + x),
        input_scale=np.float64(1.0 / 65535),
        input_zero_point=-32768,
        output_scale=np.float64(2.0 / 65535),
    )
    multiplier = float(call.input(0).scale32 * np.float32(call.options["beta"])) / (10.0 / 65535)
    scaled = multiply_by_quantized_multiplier(below, *quantize_multiplier(multiplier)).astype(np.int64)
    exps = interpolate(np.clip(scaled + 32767, -32768, 32767), exponentials)
    total = exps.sum(axis=1, keepdims=True)
    if (total > gemmlowp.ONE).any():
        raise call.refuse(f"int16 rows of {below.shape[1]} values")
    headroom = gemmlowp.leading_zeros(total)
    mantissa = ((total << (headroom - 1)) + (1 << 13)) >> 14
    inverse = interpolate(np.clip(mantissa - (1 << 15) - (1 << 16), -32768, 32767), inverses)
    shares = (exps * inverse + (1 << (30 - headroom))) >> (31 - headroom)
    return np.asarray(np.clip(shares, 0, 32767))
