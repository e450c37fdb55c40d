"""Blocks of pixels to channels, and back."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tf_keras

from qat_kit.layers.package import PACKAGE

_FUNCTIONS = {"depth_to_space": tf.nn.depth_to_space, "space_to_depth": tf.nn.space_to_depth}


@tf_keras.utils.register_keras_serializable(PACKAGE)
class DepthSpace(tf_keras.layers.Layer):  # type: ignore[misc]  # tf_keras publishes no types
    """function: depth_to_space or space_to_depth, of [batch, height, width, channels] and blocks of block_size².

    >>> DepthSpace("space_to_depth", block_size=2)(tf.constant([[[[1.0], [2.0]], [[3.0], [4.0]]]])).numpy().tolist()
    [[[[1.0, 2.0, 3.0, 4.0]]]]
    """

    def __init__(self, function: str, *, block_size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if function not in _FUNCTIONS:
            raise ValueError(f"function must be one of {', '.join(_FUNCTIONS)}, received {function!r}")
        self.function, self.block_size = function, int(block_size)

    def call(self, inputs: Any) -> Any:
        """[batch, height, width, channels], the last three multiplied or divided by block_size."""
        return _FUNCTIONS[self.function](inputs, self.block_size)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "function": self.function, "block_size": self.block_size}
