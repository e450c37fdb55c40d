"""NEG, in every kernel set: XNNPACK takes it in float only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.kernels.call import Call
from qat_kit.kernels.movement import moved


def neg(call: Call) -> tuple[NDArray[Any], ...]:
    """`−x` of plain integers, int32 and int64. The lowest stays what it is.

    Raises NotSimulatedError for quantized tensors, which LiteRT has no kernel for: a negated code is not the code of
    the negated value.

    Source: tflite/kernels/neg.cc.
    """
    x = call.input(0)
    if x.type not in ("INT32", "INT64"):
        raise call.refuse(f"type {x.type}")
    return moved(call, np.negative(x.values))
