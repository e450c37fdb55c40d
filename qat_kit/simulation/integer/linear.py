"""CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED and TRANSPOSE_CONV."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from qat_kit.simulation.integer.accumulate import accumulators
from qat_kit.simulation.integer.delegation import products_per_sum
from qat_kit.simulation.integer.lending import lent
from qat_kit.simulation.integer.requantize import requantized
from qat_kit.simulation.integer.site import Site
from qat_kit.simulation.integer.weights import trained_scale, weight_codes


def linear(site: Site) -> Any:
    """The layer's sums of products over codes, requantized; backward, the layer over real values."""
    wrapper, layer = site.layer, site.layer.layer
    config = wrapper.quantize_config
    attribute, channel_axes = config.kernel, config.weight_quantizer.channel_axes
    kernel, scale = wrapper.quantized_kernel(), trained_scale(wrapper)
    bias = tf.convert_to_tensor(layer.bias) if layer.use_bias else None
    (data,) = site.inputs

    def products(steps: Any, codes: Any) -> Any:
        with lent(layer, {attribute: codes, "use_bias": False}):
            return layer.call(steps)

    def real(inputs: Any, kernel: Any, bias: Any = None) -> Any:
        result = products(inputs, kernel)
        return result if bias is None else tf.nn.bias_add(result, bias)

    def integer(inputs: Any, kernel: Any, bias: Any = None) -> tuple[Any, Any, Any]:
        weights = weight_codes(kernel, bias, channel_axes, data, scale=scale)
        total = accumulators(
            products,
            data.steps(inputs),
            weights,
            num_products=products_per_sum(kernel.shape, channel_axes),
            dtype=tf.float32 if site.kernel_set == "xnnpack" else tf.int32,
        )
        value, inside = requantized(site, total, weights, op=config.op, groups=getattr(layer, "groups", 1))
        return value, inside, tf.cast(total, tf.float32) * (data.scale * weights.scale)

    return site.with_gradient_of(real, integer, *site.operands, kernel, *([] if bias is None else [bias]))
