"""ARG_MAX and ARG_MIN: where the largest or smallest code stands, in every kernel set."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.kernels.call import Call
from qat_kit.kernels.movement import integers, moved


def arg_max(call: Call) -> tuple[NDArray[Any], ...]:
    """The first index of the largest code along the axis of input 1. The kernel does not look at the scale.

    Raises NotSimulatedError for int16, which LiteRT has no kernel for.

    Source: tflite/kernels/arg_min_max.cc; optimized_ops.h ArgMinMax.
    """
    return _first_index(call, call.input(0).values.argmax(axis=_axis(call)))


def arg_min(call: Call) -> tuple[NDArray[Any], ...]:
    """The first index of the smallest code, as `arg_max`.

    Source: tflite/kernels/arg_min_max.cc; optimized_ops.h ArgMinMax.
    """
    return _first_index(call, call.input(0).values.argmin(axis=_axis(call)))


def _first_index(call: Call, indices: NDArray[np.int64]) -> tuple[NDArray[Any], ...]:
    if call.input(0).type not in ("INT8", "UINT8", "INT32", "FLOAT32"):
        raise call.refuse(f"type {call.input(0).type}")
    if call.kernel_set == "tflite_micro" and call.output.type != "INT32":
        raise call.refuse(f"an output of {call.output.type}, which it refuses,")
    return moved(call, indices.astype(call.output.dtype))


def _axis(call: Call) -> int:
    return integers(call.input(1))[0]
