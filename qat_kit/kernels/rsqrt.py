"""RSQRT, in every kernel set: XNNPACK takes it in float only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.kernels import gemmlowp
from qat_kit.kernels.call import Call
from qat_kit.kernels.lookup import each_code, function_by_table
from qat_kit.numerics.fixed_point import multiply_by_quantized_multiplier, quantize_multiplier

# Bits that LiteRT keeps of 1 / √code.
_PLACES = 20


def rsqrt(call: Call) -> tuple[NDArray[Any]]:
    """`1 / √x`; at the zero point, the highest code.

    int8 takes 1 / √(q − zero_input) by Newton's iteration with 20 bits behind the point, and then times
    `1 / (√s_input · s_output)`, rounded twice. int16 interpolates in a table of 513 places filled in float32.

    Raises NotSimulatedError for a code below the zero point, which LiteRT refuses when it runs.

    Source: RsqrtEvalQuantizedInt8, RsqrtEvalQuantizedInt16 in tflite/kernels/elementwise.cc.
    """
    x, y = call.input(0), call.output
    if (x.values < x.zero).any():
        raise call.refuse("values below 0, on which LiteRT stops,")
    if x.type == "INT16":
        return function_by_table(call, lambda real: _float32(real, np.float32(y.code_range[1]) * y.scale32))
    # std::sqrt of a float is one; the product and the quotient are double.
    mantissa, shift = quantize_multiplier(float(np.float32(1)) / float(np.sqrt(x.scale32) * y.scale32))

    def codes_of(codes: NDArray[np.int64]) -> NDArray[Any]:
        steps = codes - x.zero
        root, places = gemmlowp.inverse_square_root(np.maximum(steps, 1))
        data = multiply_by_quantized_multiplier(np.ones_like(steps), root, places + _PLACES)
        scaled = multiply_by_quantized_multiplier(data, mantissa, shift - _PLACES).astype(np.int64)
        return np.where(steps == 0, y.code_range[1], y.zero + scaled)

    return each_code(call, codes_of)


def _float32(x: NDArray[np.float32], largest: np.float32) -> NDArray[np.float32]:
    return np.where(x > 0, np.float32(1) / np.sqrt(np.where(x > 0, x, np.float32(1))), largest)
