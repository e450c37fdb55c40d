"""SUM, int8."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.kernels.call import Call
from qat_kit.kernels.reductions import check_types, count_of, to_codes, total_of, xnnpack_takes
from qat_kit.kernels.xnnpack_reduction import xnnpack_reduction
from qat_kit.numerics.rounding import round_half_away


def sum_op(call: Call) -> tuple[NDArray[Any]]:
    """`Σ (x − zero_point)`, requantized by `s_input / s_output`.

    builtin computes `round(Σ x · s − n · zero_in · s)` in float32, ties away, and adds the zero point; XNNPACK adds it
    before it rounds, ties to even. Raises NotSimulatedError on reference: LiteRT's reference kernel reads the signed
    codes of int8 as unsigned ones, and its results mean nothing.

    Source: EvalSum in tflite/kernels/reduce.cc, internal/optimized/reduce.h; XNNPACK/src/operators/reduce-nd.c.
    """
    check_types(call)
    if call.kernel_set == "xnnpack" and xnnpack_takes(call):
        return (xnnpack_reduction(call, np.float32(1)),)
    if call.is_plain:
        raise call.refuse("signed codes, which LiteRT's reference kernel reads as unsigned ones,")
    scale = call.input(0).scale32 / call.output.scale32
    offset = np.float32(-call.input(0).zero) * scale * np.float32(count_of(call))
    steps = round_half_away(total_of(call).astype(np.float32) * scale + offset)
    return (to_codes(call, steps + call.output.zero),)
