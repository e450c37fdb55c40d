"""SELECT and SELECT_V2: the code of one tensor or of another, in every kernel set."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.kernels.call import Call
from qat_kit.kernels.movement import moved


def select(call: Call) -> tuple[NDArray[Any], ...]:
    """`a where condition, else b`; a condition with one axis chooses whole rows. a and b have one shape.

    Source: tflite/kernels/select.cc.
    """
    condition, a, b = (call.input(position).values for position in range(3))
    rows = condition.reshape(-1, *[1] * (a.ndim - 1)) if condition.ndim == 1 else condition
    return moved(call, np.where(rows, a, b))


def select_v2(call: Call) -> tuple[NDArray[Any], ...]:
    """`a where condition, else b`, all three broadcast.

    Source: tflite/kernels/select.cc.
    """
    condition, a, b = (call.input(position).values for position in range(3))
    return moved(call, np.where(condition, a, b))
