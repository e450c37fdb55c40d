"""MUL of two tensors, as XNNPACK computes it, on TensorFlow; as the other kernel sets do, on `qat_kit.kernels.mul`."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from qat_kit.simulation.integer.by_numpy import by_numpy, steps_by_numpy
from qat_kit.simulation.integer.site import Site

# Of the multiplier: what lies outside, XNNPACK leaves to the builtin kernel.
_SMALLEST, _LARGEST = 2.0**-16, 2.0**8


def multiply_tensors(site: Site) -> Any:
    """`rint(float32(a · b) · float32(s_a · s_b / s_output))`, with broadcasting."""
    if site.kernel_set != "xnnpack":
        return by_numpy(site)

    def integer(first: Any, second: Any) -> tuple[Any, Any, None]:
        left, right = site.inputs
        scale = (left.scale * right.scale) / site.output.scale
        product = (left.steps(first) * right.steps(second)) * scale
        takes = tf.logical_and(scale >= _SMALLEST, scale < _LARGEST)
        steps = tf.cond(takes, lambda: tf.round(site.clipped(product)), lambda: steps_by_numpy(site, first, second))
        return steps * site.output.scale, tf.equal(site.clipped(product), product), None

    return site.with_gradient_of(tf.multiply, integer, *site.operands)
