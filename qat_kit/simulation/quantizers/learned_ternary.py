"""Three levels, of which the two outer ones are trained apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras
from numpy.typing import NDArray

from qat_kit.numerics.nonuniform.encoded import GRID_MAXIMUM
from qat_kit.simulation.quantizers.weights import PACKAGE, WeightQuantizer, positive

# The threshold as a share of the largest magnitude.
THRESHOLD = 0.05


@tf_keras.utils.register_keras_serializable(PACKAGE)
class LearnedTernaryWeightQuantizer(WeightQuantizer):
    """TTQ: `ŵ` is `P` above `Δ = 0.05 · max |w|`, `−N` below `−Δ` and 0 between; P and N of each channel are trained.

        scale = max(P, N) / 127,   P and N rounded to whole steps of it, so that an int8 file holds them
        ∂ŵ/∂P = 1 above Δ,   ∂ŵ/∂N = −1 below −Δ,   else 0
        ∂ŵ/∂w = P / m above Δ, 1 / m between, N / m below −Δ,   m = max |w| of the channel

    The paper's weights are divided by their largest magnitude before, and its levels are a layer's: here a channel's.
    P and N are learned as factors, 1 at first, of the mean magnitude on their side.

    Source: Zhu et al. 2017, arXiv:1612.01064, section 3, equations 6 to 9.
    """

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
        shape = self.shape_of_scale(tensor_shape)
        return {
            f"{side}_{part}": layer.add_weight(
                name=f"{name}_{side}_{part}", shape=shape, initializer="ones", trainable=part == "factor"
            )
            for side in ("positive", "negative")
            for part in ("factor", "unit")
        }

    def initialize(self, kernel: NDArray[np.float32], weights: dict[str, Any]) -> None:
        channels = self.channels_last(kernel).astype(np.float64)
        beyond = THRESHOLD * np.abs(channels).max(axis=0)
        for side, sign in (("positive", 1), ("negative", -1)):
            kept = sign * channels > beyond
            mean = np.where(kept, np.abs(channels), 0).sum(axis=0) / np.maximum(kept.sum(axis=0), 1)
            # A side without weights begins as the other would: with what a channel's weights are like.
            unit = np.where(kept.any(axis=0), mean, np.abs(channels).mean(axis=0))
            weights[f"{side}_unit"].assign(self.in_shape_of_scale(np.where(unit > 0, unit, 1.0), kernel))
            weights[f"{side}_factor"].assign(tf.ones_like(weights[f"{side}_factor"]))

    def carry_over(self, old: dict[str, Any], new: dict[str, Any], factor: NDArray[np.float32]) -> None:
        """As elsewhere; a negative factor turns the channel's sides round."""
        turned = factor < 0
        for side, other in (("positive", "negative"), ("negative", "positive")):
            for part in ("factor", "unit"):
                new[f"{side}_{part}"].assign(tf.where(turned, old[f"{other}_{part}"], old[f"{side}_{part}"]))
            new[f"{side}_unit"].assign(new[f"{side}_unit"] * np.abs(factor))

    def levels(self, weights: dict[str, Any]) -> tuple[Any, Any]:
        """(P, N), before they are rounded."""
        above, below = (
            positive(weights[f"{side}_factor"] * weights[f"{side}_unit"]) for side in ("positive", "negative")
        )
        return above, below

    def scale(self, kernel: Any, weights: dict[str, Any]) -> Any:
        del kernel
        return positive(tf.maximum(*self.levels(weights)) / GRID_MAXIMUM)

    def codes(self, kernel: Any, scale: Any, weights: dict[str, Any]) -> Any:
        above, below = (
            tf.clip_by_value(tf.round(level / scale), 1.0, float(GRID_MAXIMUM)) for level in self.levels(weights)
        )
        is_above, is_below, _ = self._sides(kernel)
        return tf.where(is_above, above, tf.where(is_below, -below, tf.zeros_like(kernel)))

    def __call__(self, inputs: Any, training: Any, weights: Any, **kwargs: Any) -> Any:
        """The kernel on its grid."""
        del training, kwargs
        values = tf.convert_to_tensor(inputs)
        axes, scale = self.axes_of_channel(values), self.scale(values, weights)
        on_grid = self.codes(values, scale, weights) * scale

        @tf.custom_gradient
        def forward(kernel: Any, above: Any, below: Any) -> Any:
            def backward(upstream: Any) -> Any:
                is_above, is_below, largest = self._sides(kernel)
                zeros = tf.zeros_like(upstream)
                slope = tf.where(is_above, above, tf.where(is_below, below, tf.ones_like(kernel))) / positive(largest)
                to_above = tf.reduce_sum(tf.where(is_above, upstream, zeros), axis=axes, keepdims=True)
                to_below = -tf.reduce_sum(tf.where(is_below, upstream, zeros), axis=axes, keepdims=True)
                return upstream * slope, to_above, to_below

            return tf.identity(on_grid), backward

        return forward(values, *self.levels(weights))

    def _sides(self, kernel: Any) -> tuple[Any, Any, Any]:
        """(which weights are P, which are −N, the largest magnitude of each channel)."""
        largest = tf.reduce_max(tf.abs(kernel), axis=self.axes_of_channel(kernel), keepdims=True)
        threshold = THRESHOLD * largest
        return kernel > threshold, kernel < -threshold, largest
