"""Weights on few levels that are not evenly spaced, or are two or three; all of them codes of the int8 grid."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import tensorflow as tf
import tf_keras
from numpy.typing import NDArray

from qat_kit.numerics.nonuniform import TERNARY_THRESHOLD, apot_levels, encode_codebook, power_of_two_levels
from qat_kit.numerics.nonuniform.encoded import GRID_MAXIMUM
from qat_kit.simulation.quantizers.weights import PACKAGE, WeightQuantizer, positive

BinaryGradient = Literal["straight_through", "approximate_sign"]


@tf_keras.utils.register_keras_serializable(PACKAGE)
class TernaryWeightQuantizer(WeightQuantizer):
    """TWN: `ŵ = scale · {−1, 0, 1}`, zero up to `Δ = 0.7 · mean |w|`, `scale = mean |w| over |w| > Δ`; `∂ŵ/∂w = 1`.

    Source: Li et al. 2016, arXiv:1605.04711, section 2; `numerics.nonuniform.encode_ternary`.
    """

    def scale(self, kernel: Any, weights: dict[str, Any]) -> Any:
        del weights
        kept = tf.cast(self._kept(kernel), tf.float64)
        axes = self.axes_of_channel(kernel)
        total = tf.reduce_sum(tf.cast(tf.abs(kernel), tf.float64) * kept, axis=axes, keepdims=True)
        return _float32_scale(total / tf.maximum(tf.reduce_sum(kept, axis=axes, keepdims=True), 1.0))

    def codes(self, kernel: Any, scale: Any, weights: dict[str, Any]) -> Any:
        del scale, weights
        return tf.where(self._kept(kernel), tf.sign(kernel), tf.zeros_like(kernel))

    def _kept(self, kernel: Any) -> Any:
        magnitudes = tf.cast(tf.abs(kernel), tf.float64)
        mean = tf.reduce_mean(magnitudes, axis=self.axes_of_channel(kernel), keepdims=True)
        return tf.abs(kernel) > tf.cast(TERNARY_THRESHOLD * mean, tf.float32)


@tf_keras.utils.register_keras_serializable(PACKAGE)
class BinaryWeightQuantizer(WeightQuantizer):
    """XNOR-Net: `ŵ = scale · sign(w)`, zero counting as positive, `scale = mean |w|` of each channel.

        straight_through:  ∂ŵ/∂w = 1 where |w| ≤ 1, else 0
        approximate_sign:  ∂ŵ/∂w = 2 − 2·|w| where |w| < 1, else 0

    Source: Rastegari et al. 2016, arXiv:1603.05279, section 3.1; Liu et al. 2018 (Bi-Real Net), arXiv:1808.00278,
    section 3.2; `numerics.nonuniform.encode_binary` and `binary_gradient`.
    """

    def __init__(
        self, channel_axes: tuple[int, ...], *, num_bits: int = 8, gradient: BinaryGradient = "straight_through"
    ) -> None:
        super().__init__(channel_axes, num_bits=num_bits)
        self.gradient = gradient

    def scale(self, kernel: Any, weights: dict[str, Any]) -> Any:
        del weights
        magnitudes = tf.cast(tf.abs(kernel), tf.float64)
        return _float32_scale(tf.reduce_mean(magnitudes, axis=self.axes_of_channel(kernel), keepdims=True))

    def codes(self, kernel: Any, scale: Any, weights: dict[str, Any]) -> Any:
        del scale, weights
        return tf.where(kernel >= 0, tf.ones_like(kernel), -tf.ones_like(kernel))

    def __call__(self, inputs: Any, training: Any, weights: Any, **kwargs: Any) -> Any:
        del training, kwargs

        @tf.custom_gradient
        def forward(kernel: Any) -> Any:
            scale = self.scale(kernel, weights)

            def backward(upstream: Any) -> Any:
                magnitude = tf.abs(kernel)
                if self.gradient == "approximate_sign":
                    return upstream * tf.maximum(2.0 - 2.0 * magnitude, 0.0)
                return tf.where(magnitude <= 1.0, upstream, tf.zeros_like(upstream))

            return self.codes(kernel, scale, weights) * scale, backward

        return forward(tf.convert_to_tensor(inputs))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "gradient": self.gradient}


class _NearestLevelQuantizer(WeightQuantizer):
    """Each weight to the nearest of some whole numbers, whose largest is the channel's largest weight; `∂ŵ/∂w = 1`."""

    def codes(self, kernel: Any, scale: Any, weights: dict[str, Any]) -> Any:
        levels = self.levels(weights)
        boundaries = (levels[1:] + levels[:-1]) / 2.0
        nearest = tf.searchsorted(boundaries, tf.reshape(kernel / scale, [-1]), side="right")
        return tf.reshape(tf.gather(levels, nearest), tf.shape(kernel))

    def scale(self, kernel: Any, weights: dict[str, Any]) -> Any:
        return _float32_scale(self.largest(kernel) / self.largest_level(weights))

    def levels(self, weights: dict[str, Any]) -> Any:
        """Whole numbers, float32, ascending."""
        raise NotImplementedError

    def largest_level(self, weights: dict[str, Any]) -> int:
        """The level of a channel's largest weight."""
        raise NotImplementedError


@tf_keras.utils.register_keras_serializable(PACKAGE)
class ShiftWeightQuantizer(_NearestLevelQuantizer):
    """Levels that one shift multiplies by, or two and an addition: powers of two, or sums of two of them (APoT).

    level_bits: of a code; 2 to 4 for powers of two, 3 to 5 for their sums.

    Source: Zhou et al. 2017 (INQ), arXiv:1702.03044, section 2; Li et al. 2020 (APoT), arXiv:1909.13144, section 2;
    `numerics.nonuniform.encode_power_of_two` and `encode_apot`.
    """

    def __init__(self, channel_axes: tuple[int, ...], *, num_bits: int = 8, level_bits: int, additive: bool) -> None:
        super().__init__(channel_axes, num_bits=num_bits)
        self.level_bits, self.additive = level_bits, additive
        self._levels = apot_levels(level_bits) if additive else power_of_two_levels(level_bits)

    def levels(self, weights: dict[str, Any]) -> Any:
        del weights
        return tf.constant(self._levels, tf.float32)

    def largest_level(self, weights: dict[str, Any]) -> int:
        del weights
        return max(self._levels)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "level_bits": self.level_bits, "additive": self.additive}


@tf_keras.utils.register_keras_serializable(PACKAGE)
class CodebookWeightQuantizer(_NearestLevelQuantizer):
    """2^level_bits levels of the int8 grid that the weights themselves choose, anew between epochs (k-means).

    Source: Han et al. 2016 (Deep Compression), arXiv:1510.00149, section 3; `numerics.nonuniform.encode_codebook`.
    """

    is_measured = True

    def __init__(self, channel_axes: tuple[int, ...], *, num_bits: int = 8, level_bits: int = 4) -> None:
        super().__init__(channel_axes, num_bits=num_bits)
        self.level_bits = level_bits

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
        del tensor_shape
        shape = (1 << self.level_bits,)
        return {"levels": layer.add_weight(name=f"{name}_levels", shape=shape, initializer="zeros", trainable=False)}

    def initialize(self, kernel: NDArray[np.float32], weights: dict[str, Any]) -> None:
        levels = encode_codebook(self.channels_last(kernel), num_bits=self.level_bits, axis=1).levels
        # Fewer levels than codes where several round to one: the last stands for the rest.
        weights["levels"].assign(np.pad(levels.astype(np.float32), (0, (1 << self.level_bits) - len(levels)), "edge"))

    def levels(self, weights: dict[str, Any]) -> Any:
        return tf.convert_to_tensor(weights["levels"])

    def largest_level(self, weights: dict[str, Any]) -> int:
        del weights
        return GRID_MAXIMUM

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "level_bits": self.level_bits}


def _float32_scale(scale: Any) -> Any:
    return positive(tf.cast(scale, tf.float32))
