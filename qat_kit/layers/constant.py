"""An operator between a tensor and a constant."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from qat_kit.layers.package import PACKAGE

_OPERATIONS = {
    "add": tf.add,
    "subtract": tf.subtract,
    "multiply": tf.multiply,
    "divide": tf.divide,
    "maximum": tf.maximum,
    "minimum": tf.minimum,
}


@tf_keras.utils.register_keras_serializable(PACKAGE)
class WithConstant(tf_keras.layers.Layer):  # type: ignore[misc]  # tf_keras publishes no types
    """y = x ∘ value, or value ∘ x; value broadcasts as NumPy's.

    operation: add, subtract, multiply, divide, maximum or minimum. constant_first: the constant stands on the left.

    >>> WithConstant("subtract", 1.0, constant_first=True)(tf.constant([0.25])).numpy().tolist()
    [0.75]
    """

    def __init__(self, operation: str, value: Any, *, constant_first: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if operation not in _OPERATIONS:
            raise ValueError(f"operation must be one of {', '.join(_OPERATIONS)}, received {operation!r}")
        self.operation = operation
        self.value = np.asarray(value, np.float64)
        self.constant_first = constant_first

    def call(self, inputs: Any) -> Any:
        """Shape of `inputs` and `value`, broadcast together."""
        constant = tf.constant(self.value, inputs.dtype)
        operands = (constant, inputs) if self.constant_first else (inputs, constant)
        return _OPERATIONS[self.operation](*operands)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "operation": self.operation,
            "value": self.value.tolist(),
            "constant_first": self.constant_first,
        }
