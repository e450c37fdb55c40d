"""The product of two tensors, matrix by matrix."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tf_keras

from qat_kit.layers.package import PACKAGE


@tf_keras.utils.register_keras_serializable(PACKAGE)
class MatMul(tf_keras.layers.Layer):  # type: ignore[misc]  # tf_keras publishes no types
    """y = a · b over the last two axes; the axes before broadcast.

    transpose_a, transpose_b: whether the last two axes of an operand are exchanged first.

    >>> MatMul(transpose_b=True)([tf.constant([[1.0, 2.0]]), tf.constant([[3.0, 4.0]])]).numpy().tolist()
    [[11.0]]
    """

    def __init__(self, *, transpose_a: bool = False, transpose_b: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.transpose_a = transpose_a
        self.transpose_b = transpose_b

    def call(self, inputs: Any) -> Any:
        """inputs: [a, b]."""
        first, second = inputs
        return tf.matmul(first, second, transpose_a=self.transpose_a, transpose_b=self.transpose_b)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "transpose_a": self.transpose_a, "transpose_b": self.transpose_b}
