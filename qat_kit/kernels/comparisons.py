"""EQUAL, NOT_EQUAL, GREATER, GREATER_EQUAL, LESS and LESS_EQUAL, in every kernel set: XNNPACK takes none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.kernels.call import Call
from qat_kit.kernels.movement import moved
from qat_kit.kernels.sums import centred
from qat_kit.numerics.fixed_point import multiply_by_quantized_multiplier, quantize_multiplier

_COMPARE: Mapping[str, Callable[[NDArray[Any], NDArray[Any]], NDArray[Any]]] = {
    "EQUAL": np.equal,
    "NOT_EQUAL": np.not_equal,
    "GREATER": np.greater,
    "GREATER_EQUAL": np.greater_equal,
    "LESS": np.less,
    "LESS_EQUAL": np.less_equal,
}
_LEFT_SHIFT = 8


def compare(call: Call) -> tuple[NDArray[Any], ...]:
    """`a ? b` for each pair of elements, which broadcast; the result is boolean.

    int8 and uint8 are each brought to `(q − zero_point) · s · 2⁸`, rounded twice to an integer: two values that lie
    closer together than 2⁻⁸ may count as equal. So is int16 by EQUAL and NOT_EQUAL; the others compare the codes of
    int16, whatever their scales. Other types are compared as they are.

    Raises NotSimulatedError for a scale of 1 and more, beside which LiteRT shifts by a negative number.

    Source: tflite/kernels/comparisons.cc, ComparisonWithScaling in tflite/kernels/internal/reference/comparisons.h.
    """
    kind = call.input(0).type
    is_scaled = kind in ("INT8", "UINT8") or (
        kind == "INT16" and call.op in ("EQUAL", "NOT_EQUAL") and call.input(0).scale.size > 0
    )
    sides = [_scaled(call, position) if is_scaled else call.input(position).values for position in (0, 1)]
    return moved(call, _COMPARE[call.op](*sides))


def _scaled(call: Call, position: int) -> NDArray[Any]:
    scale = call.input(position).real_scale
    if scale >= 1:
        raise call.refuse(f"a scale of {scale:g}")
    return multiply_by_quantized_multiplier(centred(call, position) << _LEFT_SHIFT, *quantize_multiplier(scale))
