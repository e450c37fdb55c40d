"""LOG, in every kernel set: XNNPACK takes it in float only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.kernels import c_math
from qat_kit.kernels.call import Call
from qat_kit.kernels.lookup import function_by_table


def log(call: Call) -> tuple[NDArray[Any]]:
    """`log(x)`, from a table filled in float32: 256 codes for int8, 513 places for int16.

    Where x is not above 0 the result is the lowest that the output can hold. The logarithm is taken as correctly
    rounded, which the C library's is not always: a code may differ by 1 where the value lies that close to a tie.

    Source: LogLUTPrepare in tflite/kernels/elementwise.cc.
    """
    y = call.output
    lowest = np.float32(y.code_range[0] - y.zero) * y.scale32

    def function(x: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.where(x > 0, c_math.log(np.where(x > 0, x, np.float32(1))), lowest)

    return function_by_table(call, function)
