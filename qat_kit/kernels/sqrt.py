"""SQRT, in every kernel set: XNNPACK takes it in float only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.kernels.call import Call
from qat_kit.kernels.lookup import each_code


def sqrt(call: Call) -> tuple[NDArray[Any]]:
    """`zero_output + ⌊√((q − zero_input) · s_input) / s_output⌋` in float32, int8 and int16: cut, not rounded.

    Raises NotSimulatedError for a code below the zero point, which LiteRT refuses when it runs.

    Source: SqrtEvalQuantized in tflite/kernels/elementwise.cc.
    """
    x, y = call.input(0), call.output
    if (x.values < x.zero).any():
        raise call.refuse("values below 0, on which LiteRT stops,")

    def codes_of(codes: NDArray[np.int64]) -> NDArray[Any]:
        real = np.maximum(x.scale32 * (codes - x.zero).astype(np.float32), np.float32(0))
        return np.asarray((np.sqrt(real) / y.scale32).astype(np.int64) + y.zero)

    return each_code(call, codes_of)
