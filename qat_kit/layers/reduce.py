"""A reduction over any axes but the batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tf_keras

from qat_kit.layers.package import PACKAGE

_FUNCTIONS = {"mean": tf.reduce_mean, "sum": tf.reduce_sum, "max": tf.reduce_max, "min": tf.reduce_min}


@tf_keras.utils.register_keras_serializable(PACKAGE)
class Reduce(tf_keras.layers.Layer):  # type: ignore[misc]  # tf_keras publishes no types
    """The mean, sum, max or min over `axes`, which count the batch as 0 and may be negative.

    >>> Reduce("max", axes=[-1], keepdims=True)(tf.constant([[1.0, 5.0, 2.0]])).numpy().tolist()
    [[5.0]]
    """

    def __init__(self, function: str, *, axes: Sequence[int], keepdims: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if function not in _FUNCTIONS:
            raise ValueError(f"function must be one of {', '.join(_FUNCTIONS)}, received {function!r}")
        self.function = function
        self.axes = [int(axis) for axis in axes]
        self.keepdims = keepdims

    def call(self, inputs: Any) -> Any:
        """Without the axes, or with 1 in their place (keepdims)."""
        return _FUNCTIONS[self.function](inputs, axis=self.axes, keepdims=self.keepdims)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "function": self.function, "axes": self.axes, "keepdims": self.keepdims}
