"""CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED and TRANSPOSE_CONV."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow as tf

from qat_kit.simulation.integer.accumulate import accumulators
from qat_kit.simulation.integer.gradient import straight_through
from qat_kit.simulation.integer.requantize import requantized
from qat_kit.simulation.integer.site import Site
from qat_kit.simulation.integer.weights import weight_codes


def linear(site: Site, inputs: Any) -> Any:
    """The layer's sums of products over codes, requantized; backward, the layer over real values."""
    wrapper, layer = site.layer, site.layer.layer
    config = wrapper.quantize_config
    attribute, channel_axes = config.kernel, config.weight_quantizer.channel_axes
    kernel = wrapper.quantized_kernel()
    bias = tf.convert_to_tensor(layer.bias) if layer.use_bias else None

    def products(steps: Any, codes: Any) -> Any:
        with _lent(layer, {attribute: codes, "use_bias": False}):
            return layer.call(steps)

    def real(inputs: Any, kernel: Any, bias: Any = None) -> Any:
        result = products(inputs, kernel)
        return result if bias is None else tf.nn.bias_add(result, bias)

    def integer(inputs: Any, kernel: Any, bias: Any = None) -> tuple[Any, Any]:
        (data,) = site.inputs
        weights = weight_codes(kernel, bias, channel_axes, data)
        total = accumulators(
            products,
            data.steps(inputs),
            weights,
            num_products=products_per_sum(kernel.shape, channel_axes),
            dtype=tf.float32 if site.kernel_set == "xnnpack" else tf.int32,
        )
        return requantized(site, total, weights, op=config.op, groups=getattr(layer, "groups", 1))

    return straight_through(integer, real, inputs, kernel, *([] if bias is None else [bias]))


def products_per_sum(shape: Any, channel_axes: tuple[int, ...]) -> int:
    """How many products go into one output of a layer with a kernel of this shape."""
    return int(np.prod([size for axis, size in enumerate(shape) if axis not in channel_axes]))


@contextmanager
def _lent(layer: Any, attributes: dict[str, Any]) -> Iterator[None]:
    """Lends a layer attributes for one call, past Keras' tracking."""
    own = {name: layer.__dict__[name] for name in attributes}
    layer.__dict__.update(attributes)
    try:
        yield
    finally:
        layer.__dict__.update(own)
