"""ADD, int8 and int16, with broadcasting."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.kernels.broadcasting import runs_of
from qat_kit.kernels.call import Call
from qat_kit.kernels.sums import (
    Rescaling,
    centred,
    check_types,
    reference_sum,
    rescaling_of,
    to_codes,
    wrap_to_16_bits,
    xnnpack_sum,
    xnnpack_takes,
)
from qat_kit.numerics.fixed_point import (
    rounding_divide_by_power_of_two,
    saturating_rounding_doubling_high_multiply,
)


def add(call: Call) -> tuple[NDArray[Any]]:
    """`a + b`, each brought to a common scale, and the sum to that of the output.

    reference rounds each of the three products twice. builtin cuts runs of elements into vectors of 16 (of 8 against a
    scalar), rounds the inputs within vectors but once, and cuts them down against a scalar; what is left over of a run
    goes as in reference. Its int8 vectors hold the sum in 16 bits, which wrap where the output's scale is hundreds of
    times below its inputs'. XNNPACK shares one shift between two 21-bit multipliers and rounds once.

    Source: tflite/kernels/add.cc, AddElementwiseInt8 and AddScalarBroadcast in
    tflite/kernels/internal/optimized/integer_ops/add.h; qs8-vadd in XNNPACK.
    """
    check_types(call)
    if call.kernel_set == "xnnpack":
        if xnnpack_takes(call):
            return (to_codes(call, xnnpack_sum(call)),)
        call = call.on("builtin")
    rescaling = rescaling_of(call)
    codes = to_codes(call, reference_sum(call, rescaling))
    first, second = call.input(0).shape, call.input(1).shape
    runs = runs_of(first, second)
    broadcast_16_bits = call.output.type == "INT16" and first != second
    if call.is_plain or broadcast_16_bits:
        return (codes,)
    in_vectors = runs.in_vectors(call.output.shape, 8 if runs.scalar else 16)
    steps = _vector_sum(call, rescaling, against_scalar=runs.scalar)
    vector_codes = to_codes(call, steps if call.output.type == "INT16" else wrap_to_16_bits(call, steps))
    return (np.where(in_vectors, vector_codes, codes),)


def _vector_sum(call: Call, rescaling: Rescaling, *, against_scalar: bool) -> NDArray[np.int64]:
    parts = []
    for position in (0, 1):
        mantissa, shift = rescaling.mantissas[position], rescaling.shifts[position]
        if against_scalar:
            lifted = centred(call, position) << rescaling.left_shift
            parts.append(saturating_rounding_doubling_high_multiply(lifted, mantissa).astype(np.int64) >> -shift)
        else:
            places = rescaling.left_shift + shift
            lifted = centred(call, position) << places if places >= 0 else centred(call, position) >> -places
            parts.append(saturating_rounding_doubling_high_multiply(lifted, mantissa).astype(np.int64))
    high = saturating_rounding_doubling_high_multiply(parts[0] + parts[1], rescaling.mantissas[2])
    return rounding_divide_by_power_of_two(high, -rescaling.shifts[2]).astype(np.int64)
