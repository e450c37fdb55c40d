"""Attention scores of which some are not to be seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from qat_kit.layers.package import PACKAGE

# As tf_keras' Softmax has it: nothing is left of it behind a softmax.
_HIDDEN = -1e9
# How far below the smallest visible score the hidden ones lie in the file: exp(−10) is 1/86 of a softmax's last step.
_MARGIN = 10.0


@tf_keras.utils.register_keras_serializable(PACKAGE)
class Masked(tf_keras.layers.Layer):  # type: ignore[misc]  # tf_keras publishes no types
    """y = x where mask, else −10⁹; mask: booleans that broadcast to x: SELECT_V2.

    −10⁹ has no place in a range of 8 bits. In the file the hidden scores are the lowest code, and the range reaches 10
    below the smallest visible score (`observed`).

    >>> Masked([True, False])(tf.constant([[1.0, 2.0]])).numpy().tolist()
    [[1.0, -1000000000.0]]
    """

    def __init__(self, mask: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mask = np.asarray(mask, np.bool_)

    def call(self, inputs: Any) -> Any:
        """Shape of `inputs`."""
        return tf.where(self.mask, inputs, tf.constant(_HIDDEN, inputs.dtype))

    def observed(self, outputs: Any) -> Any:
        """What of the output a range must hold."""
        visible = tf.where(self.mask, outputs, tf.constant(np.inf, outputs.dtype))
        return tf.maximum(outputs, tf.reduce_min(visible) - _MARGIN)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """That of the input; Keras would run the layer to learn it."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mask": self.mask.tolist()}
