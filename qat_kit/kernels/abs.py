"""ABS, in every kernel set: XNNPACK takes it in float only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.kernels.call import Call
from qat_kit.kernels.lookup import each_code
from qat_kit.kernels.requantize import float_multiplier
from qat_kit.numerics.fixed_point import multiply_by_quantized_multiplier, quantize_multiplier


def abs_op(call: Call) -> tuple[NDArray[Any]]:
    """`zero_output + |q − zero_input| · s_input / s_output`, int8 and int16, with double rounding.

    The ratio of scales is a float32 quotient; where the two are equal nothing is multiplied.

    Source: AbsEvalQuantized in tflite/kernels/elementwise.cc.
    """
    x, y = call.input(0), call.output
    mantissa, shift = quantize_multiplier(float_multiplier(call, x.scale32, over=y.scale32))

    def codes_of(codes: NDArray[np.int64]) -> NDArray[Any]:
        steps = np.abs(codes - x.zero)
        if x.scale32 != y.scale32:
            steps = multiply_by_quantized_multiplier(steps, mantissa, shift).astype(np.int64)
        return y.zero + steps

    return each_code(call, codes_of)
