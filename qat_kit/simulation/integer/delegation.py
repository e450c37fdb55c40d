"""Which layers with a kernel XNNPACK leaves to the builtin kernels: `kernel_set_of`."""

from __future__ import annotations

from typing import Any

import numpy as np

from qat_kit.vocabulary import KernelSet

# Weights of so few bits go into the file two to a byte, where the operator reads them so.
_PACKED_BITS = 4


def kernel_set_of(wrapper: Any) -> KernelSet:
    """The kernel set that computes a layer: the one asked for, or builtin where XNNPACK does not take it.

    It takes no CONV_2D with 4-bit weights, no FULLY_CONNECTED with 4-bit weights of an odd depth, and no
    TRANSPOSE_CONV that leaves gaps: `qat_kit.kernels` has the source of each.
    """
    config, layer = wrapper.quantize_config, wrapper.layer
    asked: KernelSet = config.kernel_set
    if asked != "xnnpack" or config.weight_quantizer is None:
        return asked
    is_packed = config.weight_quantizer.num_bits <= _PACKED_BITS
    match config.op:
        case "CONV_2D":
            is_left = is_packed
        case "FULLY_CONNECTED":
            depth = products_per_sum(wrapper.kernel.shape, config.weight_quantizer.channel_axes)
            is_left = is_packed and depth % 2 == 1
        case "TRANSPOSE_CONV":
            gaps = any(stride > taps for stride, taps in zip(layer.strides, layer.kernel_size, strict=True))
            is_left = layer.padding == "same" and gaps
        case _:
            is_left = False
    return "builtin" if is_left else asked


def products_per_sum(shape: Any, channel_axes: tuple[int, ...]) -> int:
    """How many products go into one output of a layer with a kernel of this shape."""
    return int(np.prod([size for axis, size in enumerate(shape) if axis not in channel_axes]))
