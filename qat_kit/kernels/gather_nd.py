"""GATHER_ND: entries or slices that a list of places names, in every kernel set."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.kernels.call import Call
from qat_kit.kernels.movement import moved


def gather_nd(call: Call) -> tuple[NDArray[Any], ...]:
    """`x[place]` for each place, whose coordinates are the last axis of input 1; fewer than x has axes give slices.

    Raises NotSimulatedError for a place outside x, which LiteRT refuses too.

    Source: tflite/kernels/gather_nd.cc.
    """
    x, places = call.input(0).values, call.input(1).values.astype(np.int64)
    coordinates = np.moveaxis(places, -1, 0)
    limits = np.array(x.shape[: len(coordinates)]).reshape(-1, *[1] * (places.ndim - 1))
    if (coordinates < 0).any() or (coordinates >= limits).any():
        raise call.refuse(f"places outside a tensor of shape {list(x.shape)}")
    return moved(call, x[tuple(coordinates)])
