"""From accumulators to steps of the output, per kernel set: `qat_kit.kernels.requantize` on TensorFlow."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from qat_kit.simulation.integer.fixed_point import compiled, multiply, quantize_multiplier
from qat_kit.simulation.integer.site import Site
from qat_kit.simulation.integer.weights import WeightCodes
from qat_kit.vocabulary import KernelSet

# The channels that the builtin kernels compute together, rounding ties up there.
_VECTOR = 8


def requantized(site: Site, accumulator: Any, weights: WeightCodes, *, op: str, groups: int) -> tuple[Any, Any]:
    """Values and where they lie within the codes, of accumulators [..., channels] with the bias.

        xnnpack     rint(float32(acc) · float32(s_input · s_weight / s_output))
        reference   double rounding, ties away; FULLY_CONNECTED: one rounding in double precision, ties away
        builtin     double rounding, ties up; ties away in groups, and in the channels of a depthwise or transposed
                    convolution that fill no vector of eight

    What each of these rests on stands with the NumPy kernels. accumulator: float32 on xnnpack, int32 else.
    """
    data, output = site.inputs[0], site.output
    if site.kernel_set == "xnnpack":
        product = accumulator * ((data.scale * weights.scale) / output.scale)
        within = site.clipped(product)
        return tf.round(within) * output.scale, tf.equal(within, product)
    output_scale = tf.cast(output.scale, tf.float64)
    multiplier = tf.cast(data.scale, tf.float64) * tf.cast(weights.scale, tf.float64) / output_scale
    channels = weights.scale.shape[0]
    if op == "FULLY_CONNECTED" and site.kernel_set == "reference":
        return _once_rounded(site, tf.cast(accumulator, tf.float64) * multiplier)
    if op == "FULLY_CONNECTED" and channels == 1:
        multiplier = tf.cast(data.scale * weights.scale, tf.float64) / output_scale
    return twice_rounded(
        accumulator,
        multiplier,
        site.lowest,
        site.highest,
        output.scale,
        ties_up=_ties_up(site.kernel_set, op=op, groups=groups, channels=channels),
    )


def _ties_up(kernel_set: KernelSet, *, op: str, groups: int, channels: int) -> NDArray[np.bool_]:
    if kernel_set == "reference" or (op == "CONV_2D" and groups > 1):
        return np.zeros(channels, bool)
    if op in ("DEPTHWISE_CONV_2D", "TRANSPOSE_CONV"):
        return np.arange(channels) < channels // _VECTOR * _VECTOR
    return np.ones(channels, bool)


def _once_rounded(site: Site, product: Any) -> tuple[Any, Any]:
    magnitude = tf.abs(product)
    whole = tf.floor(magnitude)
    away = whole + tf.cast(magnitude - whole >= 0.5, tf.float64)
    real = tf.cast(product, tf.float32)
    steps = tf.cast(tf.sign(product) * away, tf.float32)
    return tf.round(site.clipped(steps)) * site.output.scale, tf.equal(site.clipped(real), real)


def twice_rounded(
    accumulator: Any, multiplier: Any, lowest: Any, highest: Any, scale: Any, *, ties_up: NDArray[np.bool_]
) -> tuple[Any, Any]:
    """Values, and where they lie within lowest and highest steps: `accumulator · multiplier` (whole numbers, float64)
    by double rounding, clipped, times scale. ties_up: for each channel, False where ties go away from zero.
    """

    def values(accumulator: Any, multiplier: Any, lowest: Any, highest: Any, scale: Any) -> tuple[Any, Any]:
        mantissa, shift = quantize_multiplier(multiplier)
        steps = tf.cast(multiply(tf.cast(accumulator, tf.int64), mantissa, shift, ties_up=ties_up), tf.float32)
        real = tf.cast(accumulator, tf.float32) * tf.cast(multiplier, tf.float32)
        within = tf.logical_and(real >= lowest, real <= highest)
        return tf.round(tf.maximum(tf.minimum(steps, highest), lowest)) * scale, within

    return cast("tuple[Any, Any]", compiled(values)(accumulator, multiplier, lowest, highest, scale))
