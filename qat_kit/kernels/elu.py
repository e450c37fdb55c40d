"""ELU, each kernel set; the reference set has no such kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.kernels import c_math
from qat_kit.kernels.call import Call
from qat_kit.kernels.lookup import each_code, litert_function, runs_on_xnnpack, xnnpack_function


def elu(call: Call) -> tuple[NDArray[Any]]:
    """`x where x ≥ 0, else exp(x) − 1`, int8, from a table filled in float32. XNNPACK takes it, and rounds as it does.

    Raises NotSimulatedError for types other than int8.

    Source: EluPrepare in tflite/kernels/activations.cc; ELUOp in XNNPACK/src/reference/unary-elementwise.cc.
    """
    if call.input(0).type != "INT8":
        raise call.refuse(f"type {call.input(0).type}")
    codes_of = xnnpack_function if runs_on_xnnpack(call) else litert_function
    return each_code(call, lambda codes: codes_of(call, codes, _elu))


def _elu(x: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(x < 0, c_math.expm1(np.minimum(x, np.float32(0))), x)
