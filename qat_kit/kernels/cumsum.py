"""CUMSUM of plain integers, in every kernel set."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.kernels.call import Call
from qat_kit.kernels.movement import integers, moved


def cumsum(call: Call) -> tuple[NDArray[Any], ...]:
    """Sums up to each element along the axis of input 1, int32 and int64; `exclusive` leaves the element itself out.

    `reverse` sums from the end. Sums wrap. Raises NotSimulatedError for quantized tensors and floats: LiteRT has no
    kernel for the former.

    Source: tflite/kernels/cumsum.cc, CumSum in internal/optimized/optimized_ops.h.
    """
    x, (axis,) = call.input(0), integers(call.input(1))
    if x.type not in ("INT32", "INT64"):
        raise call.refuse(f"type {x.type}")
    values = np.flip(x.values, axis) if call.options.get("reverse") else x.values
    total = np.cumsum(values, axis=axis, dtype=x.dtype)
    total = total - values if call.options.get("exclusive") else total
    return moved(call, np.flip(total, axis) if call.options.get("reverse") else total)
