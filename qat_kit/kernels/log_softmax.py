"""LOG_SOFTMAX over the last axis, each kernel set; XNNPACK does not take it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.kernels import c_math, gemmlowp
from qat_kit.kernels.call import Call
from qat_kit.kernels.movement import moved
from qat_kit.kernels.softmax import exp_table, scaled_difference
from qat_kit.numerics.fixed_point import (
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    rounding_divide_by_power_of_two,
)


def log_softmax(call: Call) -> tuple[NDArray[Any], ...]:
    """`x − log Σ exp(x)` over the last axis, int8, at scale 16/256 with zero point 127.

        reference   gemmlowp's exp and log on differences from the row's largest code, 5 integer bits
        builtin     float32: rint(s_input / s_output · q − (s_input · q_max + log Σ) / s_output) + zero_output

    Raises NotSimulatedError for types other than int8, and where a row's sum leaves int32 on "reference".

    The float32 logarithm is taken as correctly rounded, which the C library's is not always: about one code in ten
    million may differ by 1 on "builtin".

    Source: LogSoftmaxPrepare in tflite/kernels/activations.cc;
    tflite/kernels/internal/reference/integer_ops/log_softmax.h; LogSoftmax in
    tflite/kernels/internal/optimized/optimized_ops.h.
    """
    x, y = call.input(0), call.output
    if x.type != "INT8":
        raise call.refuse(f"type {x.type}")
    rows = x.values.astype(np.int64).reshape(-1, x.values.shape[-1])
    codes = _fixed_point(call, rows) if call.is_plain else _float32(call, rows)
    return moved(call, np.clip(codes, *y.code_range).astype(y.dtype))


def _fixed_point(call: Call, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    below = rows - rows.max(axis=1, keepdims=True)
    mantissa, left, lowest = scaled_difference(call, call.input(0).real_scale)
    scaled = multiply_by_quantized_multiplier(np.maximum(below, lowest), mantissa, left).astype(np.int64)
    exps = np.where(below >= lowest, gemmlowp.shift(gemmlowp.exp_of_negative(scaled, 5), -12), 0)
    total = exps.sum(axis=1, keepdims=True)
    if (total > gemmlowp.ONE).any():
        raise call.refuse("rows whose sum of exponentials leaves int32")
    log_total = gemmlowp.log_of_at_least_one(total, 12)
    # What lies too far below the largest for 5 integer bits, once the logarithm is taken off, gets the lowest code.
    reverse = quantize_multiplier(2.0 ** (31 - left) / mantissa)
    limit = multiply_by_quantized_multiplier(log_total - (1 << 31), *reverse)
    counted = below > np.maximum(lowest - 1, limit)
    steps = rounding_divide_by_power_of_two(np.where(counted, scaled - log_total, 0), 22)
    return np.where(counted, steps.astype(np.int64) + 127, -128)


def _float32(call: Call, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    x, y = call.input(0), call.output
    largest = rows.max(axis=1, keepdims=True)
    exps = exp_table(call, np.float32(1))[largest - rows]
    total = np.add.accumulate(exps, axis=1, dtype=np.float32)[:, -1:]
    log_total = c_math.log(total)
    offset = (x.scale32 * largest.astype(np.float32) + log_total) / y.scale32
    steps = (x.scale32 / y.scale32) * rows.astype(np.float32) - offset
    return np.asarray(np.rint(steps).astype(np.int64) + y.zero)
