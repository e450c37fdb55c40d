"""FULLY_CONNECTED, int8 and 16 × 8, weights of 8 or 4 bits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.kernels.activation import activation_range
from qat_kit.kernels.call import Call
from qat_kit.kernels.conv_2d import bias_of, check_weighted, has_wide_sum, takes_bias
from qat_kit.kernels.products import exact_matmul
from qat_kit.kernels.requantize import fixed_point, product_scale, requantize
from qat_kit.numerics.rounding import round_half_away


def fully_connected(call: Call) -> tuple[NDArray[Any]]:
    """`(x − zero_point) · wᵀ + bias`, requantized by channel.

    x: any shape whose elements are a multiple of depth; w: [units, depth], symmetric; bias: [units] or none.

    reference multiplies the sum in double precision and rounds once, ties away. builtin rounds twice, ties up; its
    multiplier is a product of two float32 scales where there is one weight scale, and of two doubles where there is one
    a unit; with 16-bit activations and a 64-bit bias it leaves the op to the reference kernel. XNNPACK takes int8 with
    constant weights and bias, 4-bit weights only with an even depth. tflite-micro rounds twice, ties away.

    Source: tflite/kernels/fully_connected.cc, internal/reference/integer_ops/fully_connected.h,
    VisitFullyConnectedNode in xnnpack_delegate.cc.
    """
    x, weights = call.input(0), call.input(1)
    check_weighted(call, weights)
    if call.options.get("weights_format", 0):
        raise call.refuse("shuffled weights")
    if call.kernel_set == "xnnpack" and not _xnnpack_takes(call):
        call = call.on("builtin")
    depth = weights.shape[1]
    rows = x.values.reshape(-1, depth).astype(np.int32) - x.zero
    total = exact_matmul(rows, weights.values.T) + bias_of(call, 2)
    return (_codes(call, total).reshape(call.output.shape),)


def _codes(call: Call, total: NDArray[np.int64]) -> NDArray[Any]:
    weights = call.input(1)
    if call.kernel_set == "xnnpack":
        return requantize(call, total, weights=weights, form="single_rounding")
    if call.kernel_set == "tflite_micro":
        return _by_tflite_micro(call, total)
    if call.is_plain or _has_wide_bias(call):
        scale = call.input(0).real_scale * weights.scale.astype(np.float64) / call.output.real_scale
        lowest, highest = activation_range(call)
        codes = np.clip(round_half_away(total * scale) + call.output.zero, lowest, highest)
        return np.asarray(codes.astype(call.output.dtype))
    if weights.scale.size > 1:
        return requantize(call, total, weights=weights, form="double_rounding_up")
    multiplier = float(call.input(0).scale32 * weights.scale32) / call.output.real_scale
    return fixed_point(call, total, multiplier, form="double_rounding_up")


def _by_tflite_micro(call: Call, total: NDArray[np.int64]) -> NDArray[Any]:
    x, weights = call.input(0), call.input(1)
    wide = has_wide_sum(call)
    if weights.scale.size > 1 and weights.type == "INT4":
        raise call.refuse("4-bit weights of more than one scale, which it refuses,")
    if weights.scale.size > 1:
        return requantize(call, total, weights=weights, form="double_rounding", wide=wide)
    multiplier = product_scale(call, x, weights) / call.output.real_scale
    return fixed_point(call, total, multiplier, form="double_rounding", wide=wide)


def _has_wide_bias(call: Call) -> bool:
    bias = call.optional(2)
    return call.input(0).type == "INT16" and bias is not None and bias.type == "INT64"


def _xnnpack_takes(call: Call) -> bool:
    weights, bias = call.input(1), call.optional(2)
    return (
        call.input(0).type == "INT8"
        and weights.is_constant
        and (bias is None or takes_bias(bias))
        and (weights.type == "INT8" or weights.shape[1] % 2 == 0)
    )
