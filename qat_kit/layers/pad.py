"""Zeros before and behind each axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tf_keras

from qat_kit.layers.package import PACKAGE


@tf_keras.utils.register_keras_serializable(PACKAGE)
class Pad(tf_keras.layers.Layer):  # type: ignore[misc]  # tf_keras publishes no types
    """y = x with zeros around it; paddings: (before, behind) an axis behind the batch.

    >>> Pad([(1, 2)])(tf.constant([[7.0]])).numpy().tolist()
    [[0.0, 7.0, 0.0, 0.0]]
    """

    def __init__(self, paddings: Sequence[Sequence[int]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.paddings = [tuple(pair) for pair in paddings]

    def call(self, inputs: Any) -> Any:
        """Each axis larger by its paddings."""
        return tf.pad(inputs, [(0, 0), *self.paddings])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "paddings": [list(pair) for pair in self.paddings]}
