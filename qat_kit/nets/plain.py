"""Convolutions in a row: what a practitioner builds first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tf_keras
from tf_keras import layers

from qat_kit.nets.blocks import conv_norm


def plain_cnn(
    *,
    input_shape: tuple[int, int, int],
    filters: Sequence[int],
    num_classes: int,
    dropout: float = 0.3,
    augment: Callable[[Any], Any] | None = None,
    name: str = "plain_cnn",
) -> tf_keras.Model:
    """Two 3×3 convolutions for each entry of `filters`, each pair but the first at half the size; logits.

    augment: random layers behind the input. dropout: the share of the averaged features left out in a training step.

    >>> net = plain_cnn(input_shape=(28, 28, 1), filters=(8, 16), num_classes=3)
    >>> net.get_layer("conv4_relu").output.shape
    TensorShape([None, 14, 14, 16])
    """
    image = tf_keras.Input(input_shape, name="image")
    value = augment(image) if augment else image
    for index, number in enumerate(filters):
        value = conv_norm(value, number, 3, strides=1 if index == 0 else 2, name=f"conv{2 * index + 1}")
        value = conv_norm(value, number, 3, name=f"conv{2 * index + 2}")
    value = layers.GlobalAveragePooling2D(name="pool")(value)
    value = layers.Dropout(dropout, name="dropout")(value)
    return tf_keras.Model(image, layers.Dense(num_classes, name="logits")(value), name=name)
