"""PRELU, in every kernel set: XNNPACK takes it in float only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.kernels.call import Call
from qat_kit.kernels.movement import moved
from qat_kit.kernels.requantize import float_multiplier
from qat_kit.numerics.fixed_point import multiply_by_quantized_multiplier, quantize_multiplier


def prelu(call: Call) -> tuple[NDArray[Any], ...]:
    """`x where x ≥ 0, else alpha·x`, alpha being input 1, which broadcasts.

        zero_output + (q − zero_input) · s_input / s_output,
        zero_output + (q − zero_input) · (q_alpha − zero_alpha) · s_input · s_alpha / s_output, each rounded twice

    The multipliers are float32 products and quotients. Beside int16 activations too LiteRT reads alpha as int8,
    whatever the file says of its type. Raises NotSimulatedError where that is not int8.

    Source: PreluPrepare in tflite/kernels/activations.cc; tflite/kernels/internal/reference/prelu.h.
    """
    x, alpha, y = call.input(0), call.input(1), call.output
    if x.type not in ("INT8", "INT16"):
        raise call.refuse(f"type {x.type}")
    if alpha.type != "INT8":
        raise call.refuse(f"an alpha of type {alpha.type}, which LiteRT reads as int8")
    steps = x.values.astype(np.int64) - x.zero
    slopes = alpha.values.astype(np.int64) - alpha.zero
    kept = multiply_by_quantized_multiplier(
        np.maximum(steps, 0), *quantize_multiplier(float_multiplier(call, x.scale32, over=y.scale32))
    )
    multiplier = quantize_multiplier(float_multiplier(call, x.scale32, alpha.scale32, over=y.scale32))
    leaked = multiply_by_quantized_multiplier(np.minimum(steps, 0) * slopes, *multiplier)
    codes = y.zero + np.where(steps >= 0, kept, leaked).astype(np.int64)
    return moved(call, np.clip(codes, *y.code_range).astype(y.dtype))
