"""MUL, int8 and int16, with broadcasting."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.kernels.activation import activation_range
from qat_kit.kernels.broadcasting import runs_of
from qat_kit.kernels.call import Call
from qat_kit.kernels.requantize import float_multiplier
from qat_kit.kernels.sums import centred, to_codes, wrap_to_16_bits
from qat_kit.numerics.fixed_point import (
    float32_requantization_scale,
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    requantize_float32,
)


def mul(call: Call) -> tuple[NDArray[Any]]:
    """`a · b`, requantized by `s_a · s_b / s_output`, which LiteRT computes in float32.

    reference and builtin round twice, ties away; builtin's int8 vectors saturate to 16 bits and then wrap where the
    zero point is added, which shows when the output's scale is hundreds of times too small. XNNPACK takes int8 whose
    multiplier lies within [2⁻¹⁶, 2⁸).

    What is computed here is XNNPACK on x86, held to it by tests; on arm64 its kernels requantize in fixed point (their
    names say `rndnu`), not in float32, and near ties may differ by one.

    Source: tflite/kernels/mul.cc, internal/optimized/integer_ops/mul.h, VisitBinaryNode in xnnpack_delegate.cc;
    qs8-vmul in XNNPACK.
    """
    types = {call.input(0).type, call.input(1).type, call.output.type}
    if types not in ({"INT8"}, {"INT16"}):
        raise call.refuse(f"types {', '.join(sorted(types))}")
    product = centred(call, 0) * centred(call, 1)
    scale = float32_requantization_scale(call.input(0).scale32, call.input(1).scale32, call.output.scale32)
    if call.kernel_set == "xnnpack" and call.output.type == "INT8" and 2.0**-16 <= scale < 2.0**8:
        lowest, highest = activation_range(call)
        codes = requantize_float32(product, scale, call.output.zero, minimum=lowest, maximum=highest)
        return (codes.astype(call.output.dtype),)
    if call.kernel_set == "xnnpack":
        call = call.on("builtin")
    multiplier = float_multiplier(call, call.input(0).scale32, call.input(1).scale32, over=call.output.scale32)
    mantissa, shift = quantize_multiplier(multiplier)
    steps = multiply_by_quantized_multiplier(product, mantissa, shift).astype(np.int64)
    codes = to_codes(call, steps)
    runs = runs_of(call.input(0).shape, call.input(1).shape)
    if call.is_plain or call.output.type == "INT16":
        return (codes,)
    vector_codes = to_codes(call, wrap_to_16_bits(call, np.clip(steps, -(1 << 15), (1 << 15) - 1)))
    return (np.where(runs.in_vectors(call.output.shape, 16), vector_codes, codes),)
