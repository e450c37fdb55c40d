"""BATCH_MATMUL, int8 and int16."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from qat_kit.kernels.activation import activation_range
from qat_kit.kernels.call import Call
from qat_kit.kernels.products import exact_matmul
from qat_kit.kernels.requantize import fixed_point, product_scale
from qat_kit.kernels.sums import centred
from qat_kit.numerics.fixed_point import float32_requantization_scale, requantize_float32


def batch_matmul(call: Call) -> tuple[NDArray[Any]]:
    """`(a − zero_a) @ (b − zero_b)` over the last two dimensions, requantized by `s_a · s_b / s_output`.

    a: [..., rows, depth], b: [..., depth, columns], either turned over by `adj_x`, `adj_y`; the rest is broadcast. The
    product of the two scales is a float32. reference and builtin round twice, ties away; XNNPACK takes int8 whose zero
    point of b is 0.

    Source: tflite/kernels/batch_matmul.cc, internal/reference/batch_matmul.h, VisitBatchMatMulNode in
    xnnpack_delegate.cc.
    """
    a, b, output = call.input(0), call.input(1), call.output
    if {a.type, b.type, output.type} not in ({"INT8"}, {"INT16"}):
        raise call.refuse(f"types {a.type}, {b.type}, {output.type}")
    left, right = centred(call, 0), centred(call, 1)
    left = left.swapaxes(-1, -2) if call.options.get("adj_x") else left
    right = right.swapaxes(-1, -2) if call.options.get("adj_y") else right
    total = exact_matmul(left, right)
    if call.kernel_set == "xnnpack":
        if output.type == "INT8" and b.zero == 0:
            lowest, highest = activation_range(call)
            scale = float32_requantization_scale(a.scale32, b.scale32, output.scale32)
            codes = requantize_float32(total, scale, output.zero, minimum=lowest, maximum=highest)
            return (codes.astype(output.dtype),)
        call = call.on("builtin")
    multiplier = product_scale(call, a, b) / output.real_scale
    return (fixed_point(call, total, multiplier, form="double_rounding", wide=output.type == "INT16"),)
