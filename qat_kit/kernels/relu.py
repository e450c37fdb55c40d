"""RELU, RELU6, RELU_N1_TO_1 and RELU_0_TO_1 that stand alone, in every kernel set: XNNPACK takes them in float only."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.kernels.call import Call
from qat_kit.kernels.lookup import each_code
from qat_kit.kernels.requantize import float_multiplier
from qat_kit.numerics.fixed_point import multiply_by_quantized_multiplier, quantize_multiplier
from qat_kit.numerics.rounding import round_half_away


def relu(call: Call) -> tuple[NDArray[Any]]:
    """`max(x, 0)`, see `_between`."""
    return _between(call, 0.0, math.inf)


def relu6(call: Call) -> tuple[NDArray[Any]]:
    """`min(max(x, 0), 6)`, see `_between`; tflite-micro clips the codes under the input's scale and leaves them so."""
    if call.kernel_set == "tflite_micro":
        x = call.input(0)
        six = x.zero + int(round_half_away(np.asarray(np.float32(6) / x.scale32)))
        return each_code(call, lambda codes: np.clip(codes, x.zero, min(six, x.code_range[1])))
    return _between(call, 0.0, 6.0)


def relu_n1_to_1(call: Call) -> tuple[NDArray[Any]]:
    """`min(max(x, −1), 1)`, see `_between`; int8 only, in LiteRT too."""
    if call.input(0).type != "INT8":
        raise call.refuse(f"type {call.input(0).type}")
    return _between(call, -1.0, 1.0)


def relu_0_to_1(call: Call) -> tuple[NDArray[Any]]:
    """`min(max(x, 0), 1)`, see `_between`; int8 only, in LiteRT too."""
    if call.input(0).type != "INT8":
        raise call.refuse(f"type {call.input(0).type}")
    return _between(call, 0.0, 1.0)


def _between(call: Call, low: float, high: float) -> tuple[NDArray[Any]]:
    """`clip(zero_output + (q − zero_input) · s_input / s_output, codes of low and high)`, with double rounding.

    The ratio of scales is a float32 quotient. A bound's code is `zero_output + round(bound / s_output)`, ties away.
    Raises NotSimulatedError where that leaves int32: LiteRT's cast is left open by C.

    Source: QuantizedReluX in tflite/kernels/activations.cc; ReluX in tflite/kernels/internal/reference/reference_ops.h.
    """
    x, y = call.input(0), call.output
    mantissa, shift = quantize_multiplier(float_multiplier(call, x.scale32, over=y.scale32))

    def bound(real: float) -> int:
        steps = float(round_half_away(np.asarray(np.float32(real) / y.scale32)))
        if abs(steps) >= 1 << 31:
            raise call.refuse(f"an output scale of {y.real_scale:g}, under which the bound {real:g} leaves int32,")
        return y.zero + int(steps)

    def codes_of(codes: NDArray[np.int64]) -> NDArray[Any]:
        scaled = y.zero + multiply_by_quantized_multiplier(codes - x.zero, mantissa, shift).astype(np.int64)
        above = np.maximum(scaled, bound(low))
        return above if math.isinf(high) else np.minimum(above, bound(high))

    return each_code(call, codes_of)
