"""BROADCAST_TO, in every kernel set: XNNPACK does not take it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.kernels.call import Call
from qat_kit.kernels.movement import integers, moved


def broadcast_to(call: Call) -> tuple[NDArray[Any], ...]:
    """The input repeated along its axes of length 1, and along new ones before them, to the shape of input 1.

    Source: tflite/kernels/broadcast_to.cc.
    """
    return moved(call, np.broadcast_to(call.input(0).values, integers(call.input(1))))
