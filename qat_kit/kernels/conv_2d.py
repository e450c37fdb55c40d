"""CONV_2D, int8 and 16 × 8, grouped or not."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.kernels.call import Call, Operand
from qat_kit.kernels.products import exact_matmul
from qat_kit.kernels.requantize import requantize
from qat_kit.kernels.windows import patches, window_of
from qat_kit.numerics.fixed_point import Form


def conv_2d(call: Call) -> tuple[NDArray[Any]]:
    """`Σ (x − zero_point) · w + bias`, requantized by channel.

    x: [batch, height, width, channels]; w: [out, height, width, channels / groups], symmetric; bias: [out] or none.

    reference rounds twice, ties away ("double_rounding"); builtin the same with ties up, but for groups and for 64-bit
    sums, which it leaves to the reference kernel; XNNPACK takes int8 with constant weights and bias.

    Source: tflite/kernels/conv.cc (EvalQuantizedPerChannel, EvalQuantizedPerChannel16x8), ruy/apply_multiplier.cc,
    VisitConv2DNode in xnnpack_delegate.cc.
    """
    x, weights = call.input(0), call.input(1)
    check_weighted(call, weights)
    call = call if call.kernel_set != "xnnpack" or xnnpack_takes(call) else call.on("builtin")
    codes = x.values.astype(np.int32) - x.zero
    groups = x.shape[3] // weights.shape[3]
    window = window_of(call, (weights.shape[1], weights.shape[2]), (x.shape[1], x.shape[2]))
    seen = patches(codes, window, 0)
    count = weights.shape[0] // groups
    parts = []
    for group in range(groups):
        depth = slice(group * weights.shape[3], (group + 1) * weights.shape[3])
        rows = seen[:, :, :, depth].reshape(-1, weights.shape[3] * weights.shape[1] * weights.shape[2])
        kernel = weights.values[group * count : (group + 1) * count].transpose(3, 1, 2, 0).reshape(-1, count)
        parts.append(exact_matmul(rows, kernel))
    accumulator = np.concatenate(parts, axis=1).reshape(call.output.shape) + bias_of(call, 2)
    wide = has_wide_sum(call)
    form: Form = "double_rounding_up" if call.kernel_set == "builtin" and groups == 1 else "double_rounding"
    return (requantize(call, accumulator, weights=weights, form=form, wide=wide),)


def check_weighted(call: Call, weights: Operand) -> None:
    """Raises NotSimulatedError for types and zero points that no integer kernel of a weighted op takes."""
    types = (call.input(0).type, weights.type, call.output.type)
    if types not in (("INT8", "INT8", "INT8"), ("INT8", "INT4", "INT8"), ("INT16", "INT8", "INT16")):
        raise call.refuse(f"input, weights and output of {', '.join(types)}")
    if (weights.zero_point != 0).any():
        raise call.refuse("weights whose zero point is not 0")


def xnnpack_takes(call: Call) -> bool:
    """Whether XNNPACK computes a convolution: int8 throughout, weights and bias held by the file."""
    bias = call.optional(2)
    return (
        call.input(0).type == call.input(1).type == "INT8"
        and call.input(1).is_constant
        and bias is not None
        and takes_bias(bias)
    )


def takes_bias(bias: Operand) -> bool:
    """Whether XNNPACK reads a bias: held by the file, with scales of its own that are normal float32.

    Source: CheckTensorFloat32OrFloat16OrQCInt32Type in xnnpack_delegate.cc.
    """
    is_normal = np.isfinite(bias.scale) & (bias.scale >= np.finfo(np.float32).tiny)
    return bias.is_constant and bias.scale.size > 0 and bias.quantized_dimension == 0 and bool(is_normal.all())


def bias_of(call: Call, position: int) -> NDArray[np.int64]:
    """The biases as int64; 0 where there are none.

    Raises NotSimulatedError where, beside 16-bit activations, their type is not what `quantized_bias_type` says: LiteRT
    would read other memory.
    """
    bias = call.optional(position)
    if bias is None:
        return np.zeros(1, np.int64)
    expected = "INT64" if has_wide_sum(call) else "INT32"
    if bias.type != expected:
        raise call.refuse(f"biases of type {bias.type} where its options ask for {expected}")
    return bias.values.astype(np.int64)


def has_wide_sum(call: Call) -> bool:
    """Whether the sum has 64 bits: beside 16-bit activations, unless `quantized_bias_type` says INT32."""
    return call.output.type == "INT16" and call.options.get("quantized_bias_type") != "INT32"
