"""TILE: a tensor beside itself along its axes; XNNPACK does not take it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.kernels.call import Call
from qat_kit.kernels.movement import integers, moved


def tile(call: Call) -> tuple[NDArray[Any], ...]:
    """The input as many times along each axis as input 1 says.

    Source: tflite/kernels/tile.cc.
    """
    return moved(call, np.tile(call.input(0).values, integers(call.input(1))))
