"""GELU, in every kernel set: XNNPACK takes it in float only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.kernels import c_math
from qat_kit.kernels.call import Call
from qat_kit.kernels.lookup import function_by_table


def gelu(call: Call) -> tuple[NDArray[Any]]:
    """`x / 2 · erfc(−x / √2)`, from a table filled in float32: 256 codes for int8, 513 places for int16.

    With the option `approximate`: `x / 2 · (1 + tanh(√(2/π) · (x + 0.044715·x³)))`.

    Raises NotSimulatedError for other types.

    Source: GeluPrepare in tflite/kernels/activations.cc; tflite/kernels/internal/reference/gelu.h.
    """
    return function_by_table(call, _by_tanh if call.options.get("approximate") else _by_erfc)


def _by_erfc(x: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.float32(0.5) * x * c_math.erfc(x * np.float32(-np.sqrt(0.5))))


def _by_tanh(x: NDArray[np.float32]) -> NDArray[np.float32]:
    inner = np.float32(np.sqrt(2 / np.pi)) * (x + np.float32(0.044715) * x * x * x)
    return np.asarray(np.float32(0.5) * x * (np.float32(1) + c_math.tanh(inner)))
