"""A function of each element."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tf_keras

from qat_kit.layers.package import PACKAGE

# LiteRT has an operator for each.
_FUNCTIONS = {
    "abs": tf.abs,
    "exp": tf.exp,
    "log": tf.math.log,
    "negative": tf.negative,
    "rsqrt": tf.math.rsqrt,
    "sqrt": tf.sqrt,
}


@tf_keras.utils.register_keras_serializable(PACKAGE)
class Elementwise(tf_keras.layers.Layer):  # type: ignore[misc]  # tf_keras publishes no types
    """y = function(x), element by element. function: abs, exp, log, negative, rsqrt or sqrt.

    >>> Elementwise("rsqrt")(tf.constant([4.0])).numpy().tolist()
    [0.5]
    """

    def __init__(self, function: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if function not in _FUNCTIONS:
            raise ValueError(f"function must be one of {', '.join(_FUNCTIONS)}, received {function!r}")
        self.function = function

    def call(self, inputs: Any) -> Any:
        """Shape of `inputs`."""
        return _FUNCTIONS[self.function](inputs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "function": self.function}
