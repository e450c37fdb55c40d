"""MEAN, as XNNPACK computes it, on TensorFlow; as the other kernel sets do, on `qat_kit.kernels.mean`."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

from qat_kit.simulation.integer.accumulate import EXACT
from qat_kit.simulation.integer.by_numpy import by_numpy
from qat_kit.simulation.integer.options import operator_options
from qat_kit.simulation.integer.site import Site

_LARGEST_CODE = 128


def mean(site: Site) -> Any:
    """`rint(float32(Σ q) · s + (zero_out − n · zero_in · s))`, s = s_input / s_output · 1/n, every step in float32."""
    options, (axes,) = operator_options(site.layer)
    axes, (data,), output = axes.values.tolist(), site.inputs, site.output
    count = math.prod(site.operands[0].shape[axis] for axis in axes)
    if site.kernel_set != "xnnpack" or count * _LARGEST_CODE >= EXACT:
        return by_numpy(site)

    def integer(inputs: Any) -> Any:
        total = tf.reduce_sum(data.steps(inputs) + data.zero_point, axis=axes, keepdims=options["keep_dims"])
        scale = data.scale / output.scale * (tf.constant(1.0) / tf.constant(float(count)))
        offset = output.zero_point - (float(count) * data.zero_point) * scale
        return tf.round(site.clipped(tf.round(total * scale + offset) - output.zero_point))

    return site.through(integer)
