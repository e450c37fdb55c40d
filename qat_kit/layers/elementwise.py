"""A function of each element."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tf_keras

from qat_kit.layers.package import PACKAGE


@tf.custom_gradient
def _rsqrt(inputs: Any) -> Any:
    """1 / sqrt(x), and no gradient where x is 0, as it may be on its grid: there the output is its range's end."""
    outputs = tf.math.rsqrt(inputs)
    return outputs, lambda upstream: tf.where(inputs > 0, -0.5 * upstream * outputs / inputs, tf.zeros_like(inputs))


# LiteRT has an operator for each but for hard_sigmoid, which `prepare` replaces.
_FUNCTIONS = {
    "abs": tf.abs,
    "exp": tf.exp,
    "gelu_tanh": lambda inputs: tf.nn.gelu(inputs, approximate=True),
    "hard_sigmoid": lambda inputs: tf.nn.relu6(inputs + 3.0) / 6.0,
    "hard_swish": lambda inputs: inputs * tf.nn.relu6(inputs + 3.0) / 6.0,
    "log": tf.math.log,
    "negative": tf.negative,
    "rsqrt": _rsqrt,
    "sqrt": tf.sqrt,
}


@tf_keras.utils.register_keras_serializable(PACKAGE)
class Elementwise(tf_keras.layers.Layer):  # type: ignore[misc]  # tf_keras publishes no types
    """y = function(x), element by element.

    function: abs, exp, gelu_tanh, hard_sigmoid (relu6(x + 3) / 6), hard_swish (x · relu6(x + 3) / 6), log, negative,
    rsqrt or sqrt.

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

    def compute_output_shape(self, input_shape: Any) -> Any:
        """That of the input; Keras would run the layer to learn it."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "function": self.function}
