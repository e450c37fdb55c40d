"""One tensor or another, by a condition that the model computes."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tf_keras

from qat_kit.layers.package import PACKAGE

# LiteRT compares int8 by real values, to 2⁻⁸: what is above this is one code above zero at a scale of 1/255.
_ABOVE_ZERO = 2.0**-10


@tf_keras.utils.register_keras_serializable(PACKAGE)
class NotEqual(tf_keras.layers.Layer):  # type: ignore[misc]  # tf_keras publishes no types
    """y = (x ≠ value), for whole numbers: NOT_EQUAL of int32.

    >>> NotEqual(0)(tf.constant([[3, 0]])).numpy().tolist()
    [[True, False]]
    """

    def __init__(self, value: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.value = int(value)

    def call(self, inputs: Any) -> Any:
        """Shape of `inputs`, booleans."""
        return tf.not_equal(inputs, tf.constant(self.value, inputs.dtype))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "value": self.value}


@tf_keras.utils.register_keras_serializable(PACKAGE)
class Positive(tf_keras.layers.Layer):  # type: ignore[misc]  # tf_keras publishes no types
    """y = (x > 0): GREATER. In the file, x must have the range [0, 1].

    LiteRT compares real values, rounded to 2⁻⁸, and aborts at a scale of 1 or more (tflite/kernels/comparisons.cc,
    ComparisonQuantized); at 1/255 each code counts.

    >>> Positive()(tf.constant([[0.0, 0.5, 1e-9]])).numpy().tolist()
    [[False, True, True]]
    """

    def call(self, inputs: Any) -> Any:
        """Shape of `inputs`, booleans."""
        return tf.greater(inputs, tf.constant(0.0, inputs.dtype))

    def before_quantizer(self, inputs: Any) -> Any:
        """The same for numbers on the grid of 1/255: the converter finds no scale for a constant of zero."""
        return tf.greater(inputs, tf.constant(_ABOVE_ZERO, inputs.dtype))


@tf_keras.utils.register_keras_serializable(PACKAGE)
class Select(tf_keras.layers.Layer):  # type: ignore[misc]  # tf_keras publishes no types
    """y = a where condition, else b: SELECT_V2. Without b, 0 stands for it, and 1 for a where that is missing, too.

    Called with condition, [condition, a] or [condition, a, b]; the condition broadcasts to a, and b has a's shape.

    >>> Select()([tf.constant([[True], [False]]), tf.constant([[1.0, 2.0], [3.0, 4.0]])]).numpy().tolist()
    [[1.0, 2.0], [0.0, 0.0]]
    """

    def call(self, inputs: Any) -> Any:
        """Shape of a, or of the condition."""
        condition, *operands = inputs if isinstance(inputs, list | tuple) else [inputs]
        dtype = operands[0].dtype if operands else self.compute_dtype
        constants = [tf.constant(value, dtype) for value in (1.0, 0.0)]
        return tf.where(condition, *operands, *constants[len(operands) :])
