"""Weights on evenly spaced levels whose step is chosen with care: by least squares, or learned."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras
from numpy.typing import NDArray

from qat_kit.numerics import least_squares_range
from qat_kit.simulation.quantizers.weights import PACKAGE, UniformWeightQuantizer, positive, weight_spec


class _StepQuantizer(UniformWeightQuantizer):
    """Holds the step of each channel in a variable, which starts at the one with the least squared error."""

    # The variable that a channel's step is a multiple of.
    unit = "step"

    def carry_over(self, old: dict[str, Any], new: dict[str, Any], factor: NDArray[np.float32]) -> None:
        super().carry_over(old, new, factor)
        new[self.unit].assign(new[self.unit] * np.abs(factor))

    def least_squares_step(self, kernel: NDArray[np.float32], weights: dict[str, Any]) -> NDArray[np.float32]:
        """The step with the least squared error for the codes of now, in the shape of `scale`."""
        spec = weight_spec(self.bits_now(weights))
        _, high = least_squares_range(self.channels_last(kernel), spec, axis=1)
        step = np.where(high > 0, high, spec.integer_maximum).astype(np.float64) / spec.integer_maximum
        return self.in_shape_of_scale(step, kernel)


@tf_keras.utils.register_keras_serializable(PACKAGE)
class LeastSquaresWeightQuantizer(_StepQuantizer):
    """The step with the least squared error, measured anew between epochs.

        ŵ = s · clip(round(w / s)),   ∂ŵ/∂w = 1 within the codes, 0 outside

    Source: Sung et al. 2015, arXiv:1511.06488; `numerics.least_squares_range`.
    """

    is_measured = True

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
        shape = self.shape_of_scale(tensor_shape)
        step = layer.add_weight(name=f"{name}_step", shape=shape, initializer="ones", trainable=False)
        return {**super().build(tensor_shape, name, layer), "step": step}

    def initialize(self, kernel: NDArray[np.float32], weights: dict[str, Any]) -> None:
        weights["step"].assign(self.least_squares_step(kernel, weights))

    def scale(self, kernel: Any, weights: dict[str, Any]) -> Any:
        del kernel
        return positive(weights["step"])

    def __call__(self, inputs: Any, training: Any, weights: Any, **kwargs: Any) -> Any:
        del training, kwargs
        kernel = tf.convert_to_tensor(inputs)
        return _rounded(kernel, self.scale(kernel, weights), self.highest(weights), axes=[], step_gradient=0.0)


@tf_keras.utils.register_keras_serializable(PACKAGE)
class LearnedStepWeightQuantizer(_StepQuantizer):
    """LSQ: the step of each channel is trained with the weights.

        ŵ = s · round(clip(w / s, −Q, Q)),   Q = 2^(num_bits − 1) − 1
        ∂ŵ/∂w = 1 within the codes, 0 outside
        ∂ŵ/∂s = (round(w/s) − w/s within, ±Q outside) / √(N · Q),   N weights in a channel

    `s` is a learned factor, 1 at first, times a unit that stands still: an optimizer that moves everything by its
    learning rate, as Adam does, would jerk a step of 0.01.

    Source: Esser et al. 2020, arXiv:1902.08153, sections 2.1 and 2.2.
    """

    unit = "unit"

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
        shape = self.shape_of_scale(tensor_shape)
        return {
            **super().build(tensor_shape, name, layer),
            "factor": layer.add_weight(name=f"{name}_step_factor", shape=shape, initializer="ones", trainable=True),
            "unit": layer.add_weight(name=f"{name}_step_unit", shape=shape, initializer="ones", trainable=False),
        }

    def initialize(self, kernel: NDArray[np.float32], weights: dict[str, Any]) -> None:
        weights["unit"].assign(self.least_squares_step(kernel, weights))
        weights["factor"].assign(tf.ones_like(weights["factor"]))

    def scale(self, kernel: Any, weights: dict[str, Any]) -> Any:
        del kernel
        return positive(weights["factor"] * weights["unit"])

    def __call__(self, inputs: Any, training: Any, weights: Any, **kwargs: Any) -> Any:
        del training, kwargs
        kernel = tf.convert_to_tensor(inputs)
        axes, highest = self.axes_of_channel(kernel), self.highest(weights)
        num_weights = math.prod(kernel.shape[axis] for axis in axes)
        gradient = tf.math.rsqrt(num_weights * highest)
        return _rounded(kernel, self.scale(kernel, weights), highest, axes=axes, step_gradient=gradient)


@tf_keras.utils.register_keras_serializable(PACKAGE)
class PowerOfTwoStepWeightQuantizer(_StepQuantizer):
    """TQT: steps that are powers of two, from thresholds that are learned in their logarithm.

        s = 2^(⌈log₂ t⌉ − (num_bits − 1)),   ŵ as in LSQ
        ∂ŵ/∂log₂ t = s · ln 2 · (round(w/s) − w/s within, ±Q outside);   ⌈·⌉ passes its gradient

    Source: Jain et al. 2019, arXiv:1903.08066, sections 3.2 and 3.3.
    """

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
        shape = self.shape_of_scale(tensor_shape)
        exponent = layer.add_weight(name=f"{name}_log2_threshold", shape=shape, initializer="zeros", trainable=True)
        return {**super().build(tensor_shape, name, layer), "log2_threshold": exponent}

    def initialize(self, kernel: NDArray[np.float32], weights: dict[str, Any]) -> None:
        threshold = self.least_squares_step(kernel, weights) * (float(self.highest(weights)) + 1)
        weights["log2_threshold"].assign(np.log2(threshold))

    def carry_over(self, old: dict[str, Any], new: dict[str, Any], factor: NDArray[np.float32]) -> None:
        """As above; the new threshold is rounded to a power of two in its turn, so that the codes may move."""
        UniformWeightQuantizer.carry_over(self, old, new, factor)
        new["log2_threshold"].assign_add(np.log2(np.abs(factor)))

    def scale(self, kernel: Any, weights: dict[str, Any]) -> Any:
        del kernel
        whole = _ceil(tf.convert_to_tensor(weights["log2_threshold"]))
        return positive(_power_of_two(whole) / (self.highest(weights) + 1.0))

    def __call__(self, inputs: Any, training: Any, weights: Any, **kwargs: Any) -> Any:
        del training, kwargs
        kernel = tf.convert_to_tensor(inputs)
        axes = self.axes_of_channel(kernel)
        return _rounded(kernel, self.scale(kernel, weights), self.highest(weights), axes=axes, step_gradient=1.0)


def _power_of_two(exponent: Any) -> Any:
    """2^exponent, exact for whole exponents, which `tf.pow` is not on every machine."""

    @tf.custom_gradient
    def power(whole: Any) -> Any:
        bits = tf.bitwise.left_shift(tf.cast(tf.clip_by_value(whole, -126.0, 127.0), tf.int32) + 127, 23)
        value = tf.bitcast(bits, tf.float32)
        return value, lambda upstream: upstream * value * math.log(2.0)

    return power(exponent)


def _ceil(value: Any) -> Any:
    return tf.grad_pass_through(tf.math.ceil)(value)


def _rounded(kernel: Any, scale: Any, highest: Any, *, axes: list[int], step_gradient: Any) -> Any:
    """`s · round(clip(w / s))` with the gradients of LSQ; axes: what the step's gradient is summed over."""

    @tf.custom_gradient
    def forward(kernel: Any, scale: Any) -> Any:
        ratio = kernel / scale
        clipped = tf.clip_by_value(ratio, -highest, highest)
        codes = tf.round(clipped)

        def backward(upstream: Any) -> Any:
            within = tf.abs(ratio) <= highest
            by_step = tf.where(within, codes - ratio, clipped)
            to_step = tf.reduce_sum(upstream * by_step, axis=axes, keepdims=True) if axes else tf.zeros_like(scale)
            return tf.where(within, upstream, tf.zeros_like(upstream)), step_gradient * to_step

        return codes * scale, backward

    return forward(kernel, scale)
