"""The kernel and the bias that the file will hold: their codes, in the graph that is being traced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from qat_kit.simulation.integer.grid import Grid
from qat_kit.simulation.kernels import LARGEST_BIAS_CODE, SMALLEST_MAXIMUM
from qat_kit.simulation.quantizers import WEIGHT_SPEC


@dataclass(frozen=True, kw_only=True)
class WeightCodes:
    """kernel: codes as float32, in the shape of Keras' kernel. scale: float32, one an output channel, in the file's
    order. bias: codes as float64, one a channel, 0 where there is none. sums: Σ|kernel| of each channel, float32.
    """

    kernel: Any
    scale: Any
    bias: Any
    sums: Any


def weight_codes(kernel: Any, bias: Any, channel_axes: tuple[int, ...], data: Grid) -> WeightCodes:
    """What the converter makes of a kernel on its grid and of a bias, beside inputs on the grid `data`.

    scale as in `qat_kit.simulation.kernels.params_in_file`; kernel codes round(w / scale), half to even; bias codes
    round(b / (data.exact_scale · scale before its cast)), half away from zero.
    """
    axes = [axis for axis in range(kernel.shape.rank) if axis not in channel_axes]
    largest = tf.cast(tf.reduce_max(tf.abs(kernel), axis=axes, keepdims=True), tf.float64)
    exact_scale = tf.maximum(largest, SMALLEST_MAXIMUM) / WEIGHT_SPEC.integer_maximum
    if bias is not None:
        real_bias = tf.cast(bias, tf.float64)
        in_place = tf.reshape(tf.abs(real_bias), exact_scale.shape)
        exact_scale = tf.maximum(exact_scale, in_place / LARGEST_BIAS_CODE / data.exact_scale)
    scale = tf.cast(exact_scale, tf.float32)
    end = float(WEIGHT_SPEC.integer_maximum)
    codes = tf.raw_ops.ClipByValue(t=tf.round(kernel / scale), clip_value_min=-end, clip_value_max=end)
    flat = tf.reshape(exact_scale, [-1])
    return WeightCodes(
        kernel=codes,
        scale=tf.reshape(scale, [-1]),
        bias=tf.zeros_like(flat) if bias is None else _half_away(real_bias / (data.exact_scale * flat)),
        sums=tf.reshape(tf.reduce_sum(tf.abs(codes), axis=axes), [-1]),
    )


def _half_away(real: Any) -> Any:
    return tf.sign(real) * tf.floor(tf.abs(real) + 0.5)
