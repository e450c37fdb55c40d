"""MIRROR_PAD, in every kernel set: XNNPACK does not take it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.kernels.call import Call
from qat_kit.kernels.movement import moved


def mirror_pad(call: Call) -> tuple[NDArray[Any], ...]:
    """The input with its own mirror image around it: without the edge (mode 0, REFLECT) or with it (1, SYMMETRIC).

    Raises NotSimulatedError where the image is wider than the input.

    Source: tflite/kernels/mirror_pad.cc.
    """
    x, paddings = call.input(0).values, call.input(1).values.astype(np.int64)
    edge = 0 if call.options.get("mode") else 1
    if (paddings < 0).any() or (paddings > np.array(x.shape)[:, None] - edge).any():
        raise call.refuse(f"paddings {paddings.tolist()} of a tensor of shape {list(x.shape)}")
    return moved(call, np.pad(x, paddings.tolist(), mode="reflect" if edge else "symmetric"))
