"""EXP, in every kernel set: XNNPACK takes it in float only."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from qat_kit.kernels import c_math
from qat_kit.kernels.call import Call
from qat_kit.kernels.lookup import function_by_table


def exp(call: Call) -> tuple[NDArray[Any]]:
    """`exp(x)`, from a table filled in float32: 256 codes for int8, 513 places for int16.

    Source: Prepare in tflite/kernels/exp.cc.
    """
    return function_by_table(call, c_math.exp)
