"""What every weight quantizer does, and the plain one: a step from the largest magnitude of each channel."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras
from numpy.typing import NDArray

from qat_kit.numerics import SMALLEST_SCALE, QuantParams, TensorSpec
from qat_kit.simulation.tfmot import Quantizer

PACKAGE = "qat_kit"

WEIGHT_SPEC = TensorSpec(num_bits=8, symmetric=True, narrow_range=True, granularity="per_axis")

# Half of the range below which `choose_qparams` widens.
_SMALLEST_MAXIMUM = 2.0**-20


def weight_spec(num_bits: int) -> TensorSpec:
    """The grid of weights with so many bits: symmetric, narrow range, one scale a channel."""
    return TensorSpec(num_bits=num_bits, symmetric=True, narrow_range=True, granularity="per_axis")


class WeightQuantizer(Quantizer):  # type: ignore[misc]  # tfmot publishes no types
    """A kernel on its grid, `ŵ = code · scale`, with one scale for each output channel.

    channel_axes: the kernel's dimensions that run over output channels (two for a depthwise kernel). num_bits: of the
    grid that the codes lie on. A subclass gives `scale` and `codes`; unless it says otherwise, `∂ŵ/∂w = 1`.
    """

    # Whether data or kernel set the variables anew between epochs, as they do the ranges of activations.
    is_measured = False

    def __init__(self, channel_axes: tuple[int, ...], *, num_bits: int = 8) -> None:
        self.channel_axes = tuple(channel_axes)
        self.num_bits = num_bits

    @property
    def spec(self) -> TensorSpec:
        """The grid of the codes."""
        return weight_spec(self.num_bits)

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
        """The quantizer's variables by name; none here. tensor_shape: of the kernel."""
        del tensor_shape, name, layer
        return {}

    def initialize(self, kernel: NDArray[np.float32], weights: dict[str, Any]) -> None:
        """Sets the variables from a kernel; before the first step, and anew between epochs where `is_measured`."""

    def carry_over(self, old: dict[str, Any], new: dict[str, Any], factor: NDArray[np.float32]) -> None:
        """Sets the variables `new` for a kernel whose channels are `factor` times those that `old` belongs to."""
        del factor
        for name, variable in old.items():
            new[name].assign(variable)

    def scale(self, kernel: Any, weights: dict[str, Any]) -> Any:
        """The size of a step, float32, in the shape of the kernel with 1 for all but the channels."""
        raise NotImplementedError

    def codes(self, kernel: Any, scale: Any, weights: dict[str, Any]) -> Any:
        """Whole numbers, float32, in the shape of the kernel."""
        raise NotImplementedError

    def __call__(self, inputs: Any, training: Any, weights: Any, **kwargs: Any) -> Any:
        """The kernel on its grid; shape and dtype of `inputs`."""
        del training, kwargs

        def on_grid(kernel: Any) -> Any:
            scale = self.scale(kernel, weights)
            return self.codes(kernel, scale, weights) * scale

        return tf.grad_pass_through(on_grid)(tf.convert_to_tensor(inputs))

    @property
    def is_found_by_converter(self) -> bool:
        """Whether the converter finds scale and codes again from the kernel's values: the largest code is ±127."""
        return False

    def params(self, kernel: Any, weights: dict[str, Any]) -> QuantParams | None:
        """The parameters of `channels_last(kernel on its grid)`, per channel along axis 1.

        None where the converter finds them.
        """
        if self.is_found_by_converter:
            return None
        scale = self.channels_last(self.scale(tf.convert_to_tensor(kernel), weights).numpy())[0]
        return QuantParams(spec=self.spec, scale=scale, zero_point=np.zeros(scale.shape, np.int32), axis=1)

    def bits_now(self, weights: dict[str, Any]) -> int:
        """The bits of the codes at this point of training."""
        del weights
        return self.num_bits

    def axes_of_channel(self, kernel: Any) -> list[int]:
        """The dimensions that run within one channel."""
        return [axis for axis in range(len(kernel.shape)) if axis not in self.channel_axes]

    def shape_of_scale(self, shape: Any) -> tuple[int, ...]:
        """The shape of `scale` for a kernel of this shape."""
        return tuple(int(size) if axis in self.channel_axes else 1 for axis, size in enumerate(shape))

    def channels_last(self, kernel: np.ndarray) -> np.ndarray:
        """A kernel as [other, channels], in the order of channels that the file has."""
        moved = np.moveaxis(kernel, self.channel_axes, range(-len(self.channel_axes), 0))
        channels = int(np.prod([kernel.shape[axis] for axis in self.channel_axes]))
        return moved.reshape(-1, channels)

    def in_shape_of_scale(self, values: NDArray[Any], kernel: np.ndarray) -> NDArray[np.float32]:
        """Values of shape [channels], in the order of `channels_last`, in the shape of `scale`."""
        moved = [kernel.shape[axis] if axis in self.channel_axes else 1 for axis in range(kernel.ndim)]
        return np.asarray(values, np.float32).reshape(moved)

    def largest(self, kernel: Any) -> Any:
        """The largest magnitude of each channel, float64."""
        magnitudes = tf.reduce_max(tf.abs(kernel), axis=self.axes_of_channel(kernel), keepdims=True)
        return tf.cast(magnitudes, tf.float64)

    def get_config(self) -> dict[str, Any]:
        return {"channel_axes": list(self.channel_axes), "num_bits": self.num_bits}


class UniformWeightQuantizer(WeightQuantizer):
    """A weight quantizer whose levels are evenly spaced: all codes from −(2^(num_bits − 1) − 1) to the same above 0.

    Below 8 bits the highest code is a variable, so that training may begin with more bits than it ends with.
    """

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
        del tensor_shape
        if self.num_bits == WEIGHT_SPEC.num_bits:
            return {}
        highest = tf_keras.initializers.Constant(self.spec.integer_maximum)
        return {"highest": layer.add_weight(name=f"{name}_highest", shape=(), initializer=highest, trainable=False)}

    def highest(self, weights: dict[str, Any]) -> Any:
        """The highest code now, a float32 tensor."""
        variable = weights.get("highest")
        return tf.constant(float(self.spec.integer_maximum)) if variable is None else tf.convert_to_tensor(variable)

    def bits_now(self, weights: dict[str, Any]) -> int:
        return 1 + round(math.log2(float(self.highest(weights)) + 1))

    def set_bits(self, num_bits: int, weights: dict[str, Any]) -> None:
        """Lets the codes have another number of bits from now on; `initialize` then finds steps that fit."""
        weights["highest"].assign(weight_spec(num_bits).integer_maximum)

    def codes(self, kernel: Any, scale: Any, weights: dict[str, Any]) -> Any:
        highest = self.highest(weights)
        return tf.clip_by_value(tf.round(kernel / scale), -highest, highest)


@tf_keras.utils.register_keras_serializable(PACKAGE)
class PerChannelWeightQuantizer(UniformWeightQuantizer):
    """Symmetric, narrow range, one scale an output channel, from the largest magnitude of the channel now.

        scale = max|w| / (2^(num_bits − 1) − 1),   ŵ = scale · round(w / scale),   ∂ŵ/∂w = 1

    Source: Krishnamoorthi 2018, arXiv:1806.08342, section 2.2; LiteRT quantization specification, "per-axis".
    """

    def scale(self, kernel: Any, weights: dict[str, Any]) -> Any:
        return tf.cast(self._floored(kernel) / tf.cast(self.highest(weights), tf.float64), tf.float32)

    def __call__(self, inputs: Any, training: Any, weights: Any, **kwargs: Any) -> Any:
        if not self.is_found_by_converter:
            return super().__call__(inputs, training, weights, **kwargs)

        def on_grid(kernel: Any) -> Any:
            scale = self.scale(kernel, weights)
            codes = self.codes(kernel, scale, weights)
            # 127 · scale can miss the largest magnitude by a rounding; the converter computes the scale from that.
            ends = tf.sign(codes) * tf.cast(self._floored(kernel), tf.float32)
            return tf.where(tf.abs(codes) == self.highest(weights), ends, codes * scale)

        return tf.grad_pass_through(on_grid)(tf.convert_to_tensor(inputs))

    @property
    def is_found_by_converter(self) -> bool:
        return self.num_bits == WEIGHT_SPEC.num_bits

    def _floored(self, kernel: Any) -> Any:
        largest = self.largest(kernel)
        # A channel of zeros has scale 1.
        empty = tf.constant(float(self.spec.integer_maximum), tf.float64)
        return tf.maximum(largest, tf.where(largest > 0, tf.constant(_SMALLEST_MAXIMUM, tf.float64), empty))


def positive(scale: Any) -> Any:
    """A scale that can be divided by, whatever training made of it: its magnitude, and no less than float32 holds."""
    return tf.maximum(tf.abs(scale), SMALLEST_SCALE)
