"""A function that stops at a maximum, which in the file its output's own range does."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tf_keras

from qat_kit.layers.package import PACKAGE

_FUNCTIONS = {"relu": tf.nn.relu, "exp": tf.exp}


@tf_keras.utils.register_keras_serializable(PACKAGE)
class Saturated(tf_keras.layers.Layer):  # type: ignore[misc]  # tf_keras publishes no types
    """y = min(function(x), maximum) ≥ 0. function: relu or exp.

    Quantized to exactly [0, maximum], `function` saturates there by itself: the file has no minimum of its own, and
    any maximum costs the same.

    >>> Saturated("relu", maximum=2.0)(tf.constant([-1.0, 1.0, 3.0])).numpy().tolist()
    [0.0, 1.0, 2.0]
    """

    def __init__(self, function: str, *, maximum: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if function not in _FUNCTIONS:
            raise ValueError(f"function must be one of {', '.join(_FUNCTIONS)}, received {function!r}")
        if not maximum > 0:
            raise ValueError(f"maximum must be positive, received {maximum!r}")
        self.function = function
        self.maximum = float(maximum)

    def call(self, inputs: Any) -> Any:
        """Shape of `inputs`."""
        return tf.minimum(self.before_quantizer(inputs), tf.constant(self.maximum, inputs.dtype))

    def before_quantizer(self, inputs: Any) -> Any:
        """What the operator computes where a quantizer of the range [0, maximum] follows."""
        return _FUNCTIONS[self.function](inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """That of the input; Keras would run the layer to learn it."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "function": self.function, "maximum": self.maximum}
