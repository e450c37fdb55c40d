"""`x · factor + offset`, a number of each a channel: what batch norm is in inference, and rescaling, and `x * 2`."""

from __future__ import annotations

from typing import Any

import tf_keras

from qat_kit.layers.package import PACKAGE


@tf_keras.utils.register_keras_serializable(PACKAGE)
class PerChannelAffine(tf_keras.layers.Layer):  # type: ignore[misc]  # tf_keras publishes no types
    """y = x · factor + offset over the last axis; weights: factor [channels], offset [channels].

    `prepare` folds it into a neighbour, or makes it a depthwise convolution with a 1×1 kernel.

    >>> layer = PerChannelAffine()
    >>> layer.build((None, 2))
    >>> layer.factor.assign([2.0, 1.0]), layer.offset.assign([0.0, 3.0])  # doctest: +ELLIPSIS
    (...)
    >>> layer(tf_keras.backend.constant([[1.0, 1.0]])).numpy().tolist()
    [[2.0, 4.0]]
    """

    def build(self, input_shape: Any) -> None:
        """Makes both weights; the layer does nothing until they are set."""
        channels = (int(input_shape[-1]),)
        self.factor = self.add_weight(name="factor", shape=channels, initializer="ones")
        self.offset = self.add_weight(name="offset", shape=channels, initializer="zeros")
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        """Shape of `inputs`."""
        return inputs * self.factor + self.offset
