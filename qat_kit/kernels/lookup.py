"""Ops of one tensor whose output codes follow from the input's codes one by one: `each_code` and its two tables.

An int8 op of this kind is a table of 256 codes, and LiteRT and XNNPACK both build one when a file is loaded. Where
they fill it with a real function they work in float32, each in its own order of steps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from qat_kit.kernels.call import Call
from qat_kit.kernels.interpolation import int16_table, interpolate
from qat_kit.numerics.rounding import round_half_away

# A real function in float32: what goes in and what comes out have the same shape.
Function: TypeAlias = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def each_code(call: Call, codes_of: Callable[[NDArray[np.int64]], NDArray[Any]]) -> tuple[NDArray[Any]]:
    """The output of a call that maps code to code.

    Raises NotSimulatedError for types other than int8 and int16.

    codes_of: input codes (int64, any shape) → output codes, of which those outside the type are clipped. For int8 it
    is asked once, for all 256 codes.

    >>> from qat_kit.kernels.call import Operand
    >>> x = Operand(type="INT8", shape=(3,), codes=np.array([-128, 0, 100], np.int8))
    >>> call = Call(op="NEG", inputs=(x,), outputs=(Operand(type="INT8", shape=(3,)),), kernel_set="builtin")
    >>> each_code(call, np.negative)[0].tolist()
    [127, 0, -100]
    """
    x, (lowest, highest) = call.input(0), call.output.code_range
    if x.type not in ("INT8", "INT16"):
        raise call.refuse(f"type {x.type}")

    def clipped(codes: NDArray[np.int64]) -> NDArray[Any]:
        return np.asarray(np.clip(codes_of(codes), lowest, highest), dtype=call.output.dtype)

    if x.type != "INT8":
        return (clipped(x.values.astype(np.int64)),)
    return (clipped(np.arange(-128, 128, dtype=np.int64))[x.values.astype(np.int64) + 128],)


def litert_function(call: Call, codes: NDArray[np.int64], function: Function) -> NDArray[Any]:
    """`round(f((q − zero_input) · s_input) · (1 / s_output)) + zero_output` in float32, ties away from zero.

    Source: LUTPopulateInt8 in tflite/kernels/internal/common.h.
    """
    x, y = call.input(0), call.output
    real = x.scale32 * (codes - x.zero).astype(np.float32)
    # What leaves float32 becomes the highest code, as each_code clips it.
    with np.errstate(over="ignore"):
        steps = function(real) * (np.float32(1) / y.scale32)
    return np.asarray(round_half_away(steps) + np.float32(y.zero))


def function_by_table(call: Call, function: Function) -> tuple[NDArray[Any]]:
    """A call that LiteRT answers from a table: 256 codes for int8, 513 places between which int16 is interpolated.

    Raises NotSimulatedError for other types, and for an int16 table in which float32 has no number.

    Source: LUTPopulate in tflite/kernels/internal/common.h.
    """
    x, y = call.input(0), call.output
    if x.type != "INT16":
        return each_code(call, lambda codes: litert_function(call, codes, function))
    try:
        with np.errstate(over="ignore", invalid="raise"):
            table = int16_table(function, input_scale=x.scale32, input_zero_point=x.zero, output_scale=y.scale32)
    except FloatingPointError:
        raise call.refuse(f"an input scale of {x.real_scale:g}, under which the function leaves float32,") from None
    return each_code(call, lambda codes: interpolate(codes, table))


def xnnpack_function(call: Call, codes: NDArray[np.int64], function: Function) -> NDArray[Any]:
    """`rint(f((q − zero_input) · s_input) · (1 / s_output) + zero_output)` in float32, ties to even.

    Source: unary_ukernel_quantized in XNNPACK/src/reference/unary-elementwise.cc.
    """
    x, y = call.input(0), call.output
    real = (codes - x.zero).astype(np.float32) * x.scale32
    return np.asarray(np.rint(function(real) * (np.float32(1) / y.scale32) + np.float32(y.zero)))


def runs_on_xnnpack(call: Call) -> bool:
    """Whether XNNPACK runs an int8 op of this kind: under "xnnpack", up to 6 dimensions.

    Source: VisitUnaryNode in tflite/delegates/xnnpack/xnnpack_delegate.cc.
    """
    x = call.input(0)
    return call.kernel_set == "xnnpack" and x.type == "INT8" and len(x.shape) <= 6
