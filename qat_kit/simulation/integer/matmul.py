"""BATCH_MATMUL: `qat_kit.kernels.batch_matmul` on TensorFlow."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from qat_kit.simulation.integer.accumulate import EXACT
from qat_kit.simulation.integer.by_numpy import by_numpy
from qat_kit.simulation.integer.requantize import twice_rounded
from qat_kit.simulation.integer.site import Site

_LARGEST_STEP = 255


def multiply_matrices(site: Site) -> Any:
    """`(a − zero_a) · (b − zero_b)`, requantized by `s_a · s_b / s_output`, s_a · s_b in float32.

    Rounded twice, ties away from zero; on XNNPACK, where the zero point of b is 0, once in float32, ties to even.
    """
    layer, (left, right), output = site.layer.layer, site.inputs, site.output
    depth = site.operands[0].shape[-2 if layer.transpose_a else -1]
    if depth is None or depth * _LARGEST_STEP**2 >= EXACT:
        return by_numpy(site)

    def integer(first: Any, second: Any) -> tuple[Any, Any, None]:
        # Each partial sum is an integer that float32 holds.
        total = layer.call([left.steps(first), right.steps(second)])
        together = left.scale * right.scale

        def in_fixed_point() -> tuple[Any, Any]:
            multiplier = tf.cast(together, tf.float64) / tf.cast(output.scale, tf.float64)
            return twice_rounded(
                total, multiplier, site.lowest, site.highest, output.scale, ties_up=np.zeros(1, np.bool_)
            )

        def in_float32() -> tuple[Any, Any]:
            product = total * (together / output.scale)
            within = site.clipped(product)
            return tf.round(within) * output.scale, tf.equal(within, product)

        if site.kernel_set == "xnnpack":
            value, inside = tf.cond(tf.equal(right.zero_point, 0.0), in_float32, in_fixed_point)
        else:
            value, inside = in_fixed_point()
        return value, inside, None

    return site.with_gradient_of(lambda first, second: layer.call([first, second]), integer, *site.operands)
