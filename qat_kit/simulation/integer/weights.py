"""The kernel and the bias that the file will hold: their codes, in the graph that is being traced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from qat_kit.simulation.integer.grid import Grid
from qat_kit.simulation.kernels import LARGEST_BIAS_CODE, SMALLEST_MAXIMUM
from qat_kit.simulation.quantizers import WEIGHT_SPEC, WeightQuantizer

_END = float(WEIGHT_SPEC.integer_maximum)


@dataclass(frozen=True, kw_only=True)
class WeightCodes:
    """kernel: codes as float32, in the shape of Keras' kernel. scale: float32, one an output channel, in the file's
    order. bias: codes as float64, one a channel, 0 where there is none. sums: Σ|kernel| of each channel, float32.
    """

    kernel: Any
    scale: Any
    bias: Any
    sums: Any


def trained_scale(wrapper: Any) -> Any:
    """The scale that training gives a layer's kernel; None where the converter finds it again from the values."""
    quantizer: WeightQuantizer = wrapper.quantize_config.weight_quantizer
    if quantizer.is_found_by_converter:
        return None
    return tf.stop_gradient(quantizer.scale(tf.convert_to_tensor(wrapper.kernel), wrapper.kernel_range))


def weight_codes(
    kernel: Any, bias: Any, channel_axes: tuple[int, ...], data: Grid, *, scale: Any = None
) -> WeightCodes:
    """What the file holds of a kernel on its grid and of a bias, beside inputs on the grid `data`.

    scale: as `trained_scale` gives it. The file's scale is that of `qat_kit.simulation.kernels.params_in_file`; kernel
    codes are round(w / scale), half to even. The converter makes bias codes round(b / (data.exact_scale · scale before
    its cast)), half away from zero; where weights of another scale than it found are put into its file, they are
    round(b / float32(data.scale · scale)), half to even (`qat_kit.litert.trained_weights`).
    """
    axes = [axis for axis in range(kernel.shape.rank) if axis not in channel_axes]
    largest = tf.cast(tf.reduce_max(tf.abs(kernel), axis=axes, keepdims=True), tf.float64)

    def in_file(exact_scale: Any) -> Any:
        exact_scale = tf.maximum(exact_scale, SMALLEST_MAXIMUM / _END)
        if bias is None:
            return exact_scale
        magnitude = tf.reshape(tf.abs(tf.cast(bias, tf.float64)), largest.shape)
        return tf.maximum(exact_scale, magnitude / LARGEST_BIAS_CODE / data.exact_scale)

    found = in_file(largest / _END)
    exact_scale = found if scale is None else in_file(tf.cast(scale, tf.float64))
    file_scale = tf.cast(exact_scale, tf.float32)
    codes = tf.raw_ops.ClipByValue(t=tf.round(kernel / file_scale), clip_value_min=-_END, clip_value_max=_END)
    flat = tf.reshape(exact_scale, [-1])
    if bias is None:
        bias_codes = tf.zeros_like(flat)
    else:
        real_bias = tf.cast(bias, tf.float64)
        bias_codes = _half_away(real_bias / (data.exact_scale * tf.reshape(found, [-1])))
        if scale is not None:
            together = tf.cast(data.scale, tf.float64) * tf.cast(tf.reshape(file_scale, [-1]), tf.float64)
            put_in = tf.round(real_bias / tf.cast(tf.cast(together, tf.float32), tf.float64))
            is_put_in = tf.reduce_any(tf.not_equal(file_scale, tf.cast(found, tf.float32)))
            bias_codes = tf.where(is_put_in, put_in, bias_codes)
    return WeightCodes(
        kernel=codes,
        scale=tf.reshape(file_scale, [-1]),
        bias=bias_codes,
        sums=tf.reshape(tf.reduce_sum(tf.abs(codes), axis=axes), [-1]),
    )


def _half_away(real: Any) -> Any:
    return tf.sign(real) * tf.floor(tf.abs(real) + 0.5)
