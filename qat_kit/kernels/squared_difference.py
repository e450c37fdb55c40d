"""SQUARED_DIFFERENCE, in every kernel set: XNNPACK takes it in float only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.kernels.call import Call
from qat_kit.kernels.sums import centred, to_codes
from qat_kit.numerics.fixed_point import multiply_by_quantized_multiplier, quantize_multiplier

_LEFT_SHIFT = 7


def squared_difference(call: Call) -> tuple[NDArray[Any]]:
    """`(a − b)²`, int8: both brought to twice the larger scale with 7 bits more, and the square to the output's scale.

        s_input / (2 · max(s_a, s_b)) for each input;   (2 · max(s_a, s_b))² / (2¹⁴ · s_output) for the square

    Twice the larger scale, and its square, are float32. Each product is rounded twice.

    Raises NotSimulatedError for types other than int8, and where the last multiplier is not below 1: LiteRT aborts.

    Source: tflite/kernels/squared_difference.cc.
    """
    a, b, y = call.input(0), call.input(1), call.output
    types = {a.type, b.type, y.type}
    if types != {"INT8"}:
        raise call.refuse(f"types {', '.join(sorted(types))}")
    twice = np.float32(2) * max(a.scale32, b.scale32)
    multiplier = float(twice * twice / (np.float32(1 << (2 * _LEFT_SHIFT)) * y.scale32))
    if multiplier >= 1:
        raise call.refuse(f"an output scale {multiplier:.3g} × 2^14 times below the square of its inputs'")
    parts = [
        multiply_by_quantized_multiplier(
            centred(call, position) << _LEFT_SHIFT, *quantize_multiplier(float(operand.scale32 / twice))
        ).astype(np.int64)
        for position, operand in enumerate((a, b))
    ]
    difference = parts[0] - parts[1]
    square = multiply_by_quantized_multiplier(difference * difference, *quantize_multiplier(multiplier))
    return (to_codes(call, square.astype(np.int64)),)
