"""AVERAGE_POOL_2D: `qat_kit.kernels.average_pool_2d` on TensorFlow."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from qat_kit.simulation.integer.site import Site


def average_pool(site: Site) -> Any:
    """The mean of the codes that lie within the image, rounded half away from zero, in every kernel set."""
    layer = site.layer.layer
    (grid,) = site.inputs
    (image,) = site.operands
    ones = tf.ones((1, *image.shape[1:3], 1))
    taps = tf.ones((*layer.pool_size, 1, 1))
    count = tf.nn.conv2d(ones, taps, layer.strides, layer.padding.upper())

    def integer(inputs: Any) -> Any:
        mean = layer.call(grid.steps(inputs) + grid.zero_point)
        magnitude = tf.abs(tf.round(mean * count))
        # TensorFlow turns a division by a constant into a product with a reciprocal that may be a place too low: half a
        # step of room keeps whole quotients whole.
        rounded = tf.sign(mean) * tf.floor((magnitude + tf.floor(count / 2) + 0.5) / count)
        return tf.round(site.clipped(rounded - site.output.zero_point))

    return site.through(integer)
