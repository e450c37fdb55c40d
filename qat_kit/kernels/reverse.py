"""REVERSE_V2: the codes along some axes in the opposite order, in every kernel set."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.kernels.call import Call
from qat_kit.kernels.movement import integers, moved


def reverse(call: Call) -> tuple[NDArray[Any], ...]:
    """The input turned round along the axes of input 1, which adjoin each other.

    Source: tflite/kernels/reverse.cc.
    """
    return moved(call, np.flip(call.input(0).values, axis=tuple(integers(call.input(1)))))
