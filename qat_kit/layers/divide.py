"""The quotient of two tensors."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tf_keras

from qat_kit.layers.package import PACKAGE


@tf_keras.utils.register_keras_serializable(PACKAGE)
class Divide(tf_keras.layers.Layer):  # type: ignore[misc]  # tf_keras publishes no types
    """y = a / b, broadcast. LiteRT's DIV refuses a divisor that is quantized to 0.

    >>> Divide()([tf.constant([1.0, 3.0]), tf.constant([2.0])]).numpy().tolist()
    [0.5, 1.5]
    """

    def call(self, inputs: Any) -> Any:
        """inputs: [a, b]."""
        dividend, divisor = inputs
        return tf.divide(dividend, divisor)
