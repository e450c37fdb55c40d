"""TRANSPOSE_CONV, int8 and 16 × 8."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.kernels.call import Call
from qat_kit.kernels.conv_2d import bias_of, has_wide_sum, takes_bias
from qat_kit.kernels.products import exact_matmul
from qat_kit.kernels.requantize import requantize
from qat_kit.kernels.windows import Window, window_of


def transpose_conv(call: Call) -> tuple[NDArray[Any]]:
    """Each input pixel, times the kernel, added to a window of the output; requantized by channel.

    Inputs: output shape; w [out, height, width, channels], symmetric; x [batch, height, width, channels]; bias or none.

    reference rounds twice, ties away; builtin so with ties up in the channels that make full eights (int8); XNNPACK
    takes int8 with constant shape, weights and bias, whose kernel covers its stride (SAME) or lies within the output.

    Source: tflite/kernels/transpose_conv.cc, Quantize in internal/optimized/optimized_ops.h, VisitTransposeConvNode in
    xnnpack_delegate.cc.
    """
    weights, x = call.input(1), call.input(2)
    types = (x.type, weights.type, call.output.type)
    if types not in (("INT8", "INT8", "INT8"), ("INT16", "INT8", "INT16")):
        raise call.refuse(f"input, weights and output of {', '.join(types)}")
    if (weights.zero_point != 0).any():
        raise call.refuse("weights whose zero point is not 0")
    taps, image = (weights.shape[1], weights.shape[2]), (call.output.shape[1], call.output.shape[2])
    window = window_of(call, taps, image)
    total = _spread(call, window) + bias_of(call, 3)
    if call.kernel_set == "xnnpack":
        if _xnnpack_takes(call, window):
            return (requantize(call, total, weights=weights, form="single_rounding", data=x),)
        call = call.on("builtin")
    wide = has_wide_sum(call)
    away = requantize(call, total, weights=weights, form="double_rounding", wide=wide, data=x)
    if call.is_plain or x.type == "INT16":
        return (away,)
    up = requantize(call, total, weights=weights, form="double_rounding_up", data=x)
    vectors = weights.shape[0] // 8 * 8
    return (np.concatenate([up[..., :vectors], away[..., vectors:]], axis=-1),)


def _spread(call: Call, window: Window) -> NDArray[np.int64]:
    """Sums of products in the output's shape."""
    weights, x = call.input(1), call.input(2)
    batch, height, width, depth = x.shape
    channels, taps_height, taps_width, _ = weights.shape
    (step_y, step_x), (top, left) = window.strides, window.before
    rows, columns = call.output.shape[1:3]
    canvas = np.zeros(
        (
            batch,
            max((height - 1) * step_y + taps_height, top + rows),
            max((width - 1) * step_x + taps_width, left + columns),
            channels,
        ),
        np.int64,
    )
    kernel = weights.values.transpose(3, 1, 2, 0).reshape(depth, -1)
    products = exact_matmul((x.values.astype(np.int32) - x.zero).reshape(-1, depth), kernel)
    products = products.reshape(batch, height, width, taps_height, taps_width, channels)
    for y in range(taps_height):
        for column in range(taps_width):
            stop_y, stop_x = y + (height - 1) * step_y + 1, column + (width - 1) * step_x + 1
            canvas[:, y:stop_y:step_y, column:stop_x:step_x] += products[:, :, :, y, column]
    return canvas[:, top : top + rows, left : left + columns]


def _xnnpack_takes(call: Call, window: Window) -> bool:
    bias = call.optional(3)
    constant = call.input(0).is_constant and call.input(1).is_constant and (bias is None or takes_bias(bias))
    if call.options["padding"] == "SAME":
        fits = all(stride <= taps for stride, taps in zip(window.strides, window.taps, strict=True))
    else:
        fits = all(taps <= size for taps, size in zip(window.taps, call.output.shape[1:3], strict=True))
    return call.input(2).type == "INT8" and constant and fits
