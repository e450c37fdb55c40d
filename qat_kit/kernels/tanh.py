"""TANH, each kernel set."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.kernels import c_math, gemmlowp
from qat_kit.kernels.call import Call
from qat_kit.kernels.fixed_sigmoid import fixed_point_function
from qat_kit.kernels.lookup import each_code, litert_function, runs_on_xnnpack, xnnpack_function
from qat_kit.kernels.sigmoid16 import in_table_steps, power_of_two_shift, sigmoid_table


def tanh(call: Call) -> tuple[NDArray[Any]]:
    """`tanh(x)`: int8, by the converter at scale 1/128 with zero point 0; int16 at scale 1/32768.

    int8 comes from a table filled in float32. XNNPACK, which takes every int8 TANH, rounds its entries after the zero
    point is added, and ties to even; tflite-micro computes with gemmlowp's 32 bits. int16 interpolates in a table of
    256 sigmoids: tanh(x) = 2·sigmoid(2x) − 1, but for the input scales 2⁻¹² and 2⁻¹¹ outside "reference": there it is
    gemmlowp's function of 16 bits.

    Raises NotSimulatedError for other types.

    Source: TanhPrepare in tflite/kernels/activations.cc; TanhOp in XNNPACK/src/reference/unary-elementwise.cc;
    tflite/kernels/internal/reference/integer_ops/tanh.h.
    """
    if call.input(0).type == "INT16":
        return (_int16(call),)
    if call.input(0).type != "INT8":
        raise call.refuse(f"type {call.input(0).type}")
    if call.kernel_set == "tflite_micro":
        return each_code(call, lambda codes: fixed_point_function(call, codes, _in_fixed_point, places=7, offset=0))
    codes_of = xnnpack_function if runs_on_xnnpack(call) else litert_function
    return each_code(call, lambda codes: codes_of(call, codes, c_math.tanh))


def _in_fixed_point(x: NDArray[np.int64]) -> NDArray[np.int64]:
    # One integer bit more stands for the 2 of exp(−2·|x|).
    return np.asarray(np.sign(x) * gemmlowp.one_minus_over_one_plus(gemmlowp.exp_of_negative(-np.abs(x), 5)))


def _int16(call: Call) -> NDArray[Any]:
    power_shift = power_of_two_shift(call, (0, 1))
    if power_shift is not None and not call.is_plain:
        x = gemmlowp.shift(call.input(0).values, power_shift, num_bits=16)
        # One integer bit more stands for the 2 of exp(−2·|x|).
        power = gemmlowp.exp_of_negative(-np.abs(x), 4, num_bits=16)
        return (np.sign(x) * gemmlowp.one_minus_over_one_plus(power, num_bits=16)).astype(np.int16)
    steps = in_table_steps(call, power_shift)
    place, rest = np.abs(steps) >> 8, np.abs(steps) & 0xFF
    table = sigmoid_table()
    low = table[np.minimum(place, 254)]
    high = table[np.minimum(place, 254) + 1]
    value = np.where(place >= 255, 0xFFFF << 8, (low << 8) + rest * (high - low)) - (1 << 23)
    value = np.where(steps >= 0, value + (1 << 7), -value + (1 << 7) - 1)
    return (value >> 8).astype(np.int16)
