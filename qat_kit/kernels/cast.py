"""CAST from integers and booleans, in every kernel set."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from qat_kit.kernels.call import Call
from qat_kit.kernels.movement import moved

_PLAIN = ("BOOL", "INT8", "UINT8", "INT16", "INT32", "INT64")


def cast(call: Call) -> tuple[NDArray[Any], ...]:
    """The same number in another type: cut to the lowest bits where it does not fit, and `x ≠ 0` as a boolean.

    Codes are cast, whatever the scales say. Raises NotSimulatedError for types that are not integers, but for a float32
    output.

    Source: tflite/kernels/cast.cc.
    """
    x, y = call.input(0), call.output
    if x.type not in _PLAIN or y.type not in (*_PLAIN, "FLOAT32"):
        raise call.refuse(f"types {x.type}, {y.type}")
    return moved(call, x.values != 0 if y.type == "BOOL" else x.values.astype(y.dtype))
