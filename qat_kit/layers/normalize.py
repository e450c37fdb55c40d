"""What normalization layers are made of, beside means and products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tf_keras

from qat_kit.layers.package import PACKAGE


@tf_keras.utils.register_keras_serializable(PACKAGE)
class L2Normalize(tf_keras.layers.Layer):  # type: ignore[misc]  # tf_keras publishes no types
    """y = x / sqrt(max(Σ x², 1e-12)), the sum over the last axis: L2_NORMALIZATION.

    >>> L2Normalize()(tf.constant([[3.0, 4.0]])).numpy().round(6)
    array([[0.6, 0.8]], dtype=float32)
    """

    def call(self, inputs: Any) -> Any:
        """Shape of `inputs`."""
        return tf.math.l2_normalize(inputs, axis=-1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """That of the input; Keras would run the layer to learn it."""
        return input_shape


@tf_keras.utils.register_keras_serializable(PACKAGE)
class AppendConstant(tf_keras.layers.Layer):  # type: ignore[misc]  # tf_keras publishes no types
    """x with `count` more entries of `value` at the end of its last axis: PADV2.

    >>> AppendConstant(7.0, count=2)(tf.constant([[1.0]])).numpy().tolist()
    [[1.0, 7.0, 7.0]]
    """

    def __init__(self, value: float, *, count: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.value = float(value)
        self.count = int(count)

    def call(self, inputs: Any) -> Any:
        """[…, size] → […, size + count]."""
        paddings = [[0, 0]] * (inputs.shape.rank - 1) + [[0, self.count]]
        return tf.pad(inputs, paddings, constant_values=tf.constant(self.value, inputs.dtype))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "value": self.value, "count": self.count}


@tf_keras.utils.register_keras_serializable(PACKAGE)
class RMSNormalization(tf_keras.layers.Layer):  # type: ignore[misc]  # tf_keras publishes no types
    """y = x / sqrt(mean x² + epsilon) · gamma, as Keras 3 has it; `prepare` takes it apart.

    axis: one or several, the mean runs over all of them, and gamma has their shape.
    Source: Zhang & Sennrich 2019, arXiv:1910.07467.

    >>> RMSNormalization(epsilon=0.0)(tf.constant([[3.0, 3.0]])).numpy().tolist()
    [[1.0, 1.0]]
    """

    def __init__(self, *, axis: int | Sequence[int] = -1, epsilon: float = 1e-6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = [axis] if isinstance(axis, int) else sorted(axis)
        self.epsilon = float(epsilon)

    def build(self, input_shape: Any) -> None:
        """Makes gamma, of ones."""
        shape = [int(input_shape[axis]) for axis in self.axis]
        self.gamma = self.add_weight(name="gamma", shape=shape, initializer="ones")
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        """Shape of `inputs`."""
        axes = {axis % inputs.shape.rank for axis in self.axis}
        gamma = tf.reshape(self.gamma, [inputs.shape[a] if a in axes else 1 for a in range(inputs.shape.rank)])
        mean_square = tf.reduce_mean(tf.square(inputs), axis=sorted(axes), keepdims=True)
        return inputs * tf.math.rsqrt(mean_square + tf.constant(self.epsilon, inputs.dtype)) * gamma

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": list(self.axis), "epsilon": self.epsilon}
