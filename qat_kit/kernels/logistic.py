"""LOGISTIC, each kernel set."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.kernels import c_math, gemmlowp
from qat_kit.kernels.call import Call
from qat_kit.kernels.fixed_sigmoid import fixed_point_function
from qat_kit.kernels.lookup import each_code, litert_function, runs_on_xnnpack, xnnpack_function
from qat_kit.kernels.sigmoid16 import in_table_steps, power_of_two_shift, sigmoid_table


def logistic(call: Call) -> tuple[NDArray[Any]]:
    """`1 / (1 + exp(−x))`: int8 at scale 1/256 with zero point −128, int16 at 1/32768.

    int8 comes from a table. LiteRT fills it in float32; XNNPACK, which takes every int8 LOGISTIC, with `e / (1 + e)`,
    e = exp(x), in double precision, rounded to float32; tflite-micro computes with gemmlowp's 32 bits. int16
    interpolates in a table of 256 sigmoids, but for the input scale 2⁻¹² outside "reference": there it is gemmlowp's
    function of 16 bits.

    Raises NotSimulatedError for other types.

    Source: SigmoidPrepare in tflite/kernels/activations.cc; SigmoidOp in XNNPACK/src/reference/unary-elementwise.cc;
    tflite/kernels/internal/reference/integer_ops/logistic.h.
    """
    if call.input(0).type == "INT16":
        return (_int16(call),)
    if call.input(0).type != "INT8":
        raise call.refuse(f"type {call.input(0).type}")
    if call.kernel_set == "tflite_micro":
        return each_code(call, lambda codes: fixed_point_function(call, codes, _in_fixed_point, places=8, offset=-128))
    if runs_on_xnnpack(call):
        return each_code(call, lambda codes: xnnpack_function(call, codes, _in_float64))
    return each_code(call, lambda codes: litert_function(call, codes, _in_float32))


def _in_fixed_point(x: NDArray[np.int64]) -> NDArray[np.int64]:
    positive = gemmlowp.one_over_one_plus(gemmlowp.exp_of_negative(-np.abs(x), 4))
    value = np.where(x > 0, positive, gemmlowp.ONE - positive)
    return np.where(x == 0, 1 << 30, value)


def _in_float32(x: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.float32(1) / (np.float32(1) + c_math.exp(-x)))


def _in_float64(x: NDArray[np.float32]) -> NDArray[np.float32]:
    # XNNPACK gives 0 or 1 beyond 100, whose codes are those at 100.
    power = np.exp(np.clip(x, -100, 100).astype(np.float64))
    return np.asarray(power / (1 + power), np.float32)


def _int16(call: Call) -> NDArray[Any]:
    power_shift = power_of_two_shift(call, (0,))
    if power_shift is not None and not call.is_plain:
        codes = call.input(0).values.astype(np.int64)
        positive = gemmlowp.one_over_one_plus(gemmlowp.exp_of_negative(-np.abs(codes), 3, num_bits=16), num_bits=16)
        value = np.where(codes > 0, positive, 0x7FFF - positive)
        return np.where(codes == 0, 1 << 14, value).astype(np.int16)
    steps = in_table_steps(call, power_shift)
    place, rest = np.abs(steps) >> 9, np.abs(steps) & 0x1FF
    table = sigmoid_table()
    low = table[np.minimum(place, 254)]
    high = table[np.minimum(place, 254) + 1]
    value = np.where(place >= 255, 0x7FFF << 10, (low << 9) + rest * (high - low))
    value = np.where(steps >= 0, value + (1 << 9), (1 << 25) - value + (1 << 9) - 1)
    return (value >> 10).astype(np.int16)
