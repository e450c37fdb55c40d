"""An axis that joins the batch and leaves it again: one RESHAPE each."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tf_keras

from qat_kit.layers.package import PACKAGE


@tf_keras.utils.register_keras_serializable(PACKAGE)
class JoinBatch(tf_keras.layers.Layer):  # type: ignore[misc]  # tf_keras publishes no types
    """[batch, length, …] → [batch · length, …], so that a layer runs at each place of the first axis.

    >>> JoinBatch()(tf.zeros((2, 3, 4))).shape.as_list()
    [6, 4]
    """

    def call(self, inputs: Any) -> Any:
        """`inputs` without its axis 1, whose size must be known, as all behind it."""
        return tf.reshape(inputs, (-1, *inputs.shape[2:]))


@tf_keras.utils.register_keras_serializable(PACKAGE)
class SplitBatch(tf_keras.layers.Layer):  # type: ignore[misc]  # tf_keras publishes no types
    """[batch · length, …] → [batch, length, …], the way back from `JoinBatch`.

    >>> SplitBatch(3)(tf.zeros((6, 4))).shape.as_list()
    [2, 3, 4]
    """

    def __init__(self, length: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.length = int(length)

    def call(self, inputs: Any) -> Any:
        """`inputs` with a new axis 1 of `length`."""
        return tf.reshape(inputs, (-1, self.length, *inputs.shape[1:]))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "length": self.length}
