"""How tflite-micro computes the int8 LOGISTIC and TANH: in gemmlowp's 32 bits, 4 of them before the point."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.kernels.call import Call
from qat_kit.numerics.fixed_point import (
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    rounding_divide_by_power_of_two,
)

_INTEGER_BITS = 4


def fixed_point_function(
    call: Call,
    codes: NDArray[np.int64],
    function: Callable[[NDArray[np.int64]], NDArray[np.int64]],
    *,
    places: int,
    offset: int,
) -> NDArray[Any]:
    """`offset + f(x)` in steps of 2^−places, and the ends of the codes from |x| = 15 on.

    The output's scale is not read. function: raw values with 4 integer bits → raw values with none.

    Source: tflite-micro tensorflow/lite/micro/kernels/logistic_common.cc and tanh.cc;
    tensorflow/lite/kernels/internal/reference/integer_ops/logistic.h and tanh.h.
    """
    x, (lowest, highest) = call.input(0), call.output.code_range
    mantissa, shift = quantize_multiplier(x.real_scale * 2.0 ** (31 - _INTEGER_BITS))
    radius = math.floor(15 * 2.0 ** (31 - _INTEGER_BITS - int(shift)))
    steps = codes - x.zero
    within = np.clip(steps, min(1 - radius, 0), max(radius - 1, 0))
    value = function(multiply_by_quantized_multiplier(within, mantissa, shift).astype(np.int64))
    rounded = rounding_divide_by_power_of_two(value, 31 - places).astype(np.int64) + offset
    return np.where(steps <= -radius, lowest, np.where(steps >= radius, highest, rounded))
