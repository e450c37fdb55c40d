"""Nets that answer for every place of a picture: a U-Net, a one-stage detector, a denoiser."""

from __future__ import annotations

from collections.abc import Sequence

import tf_keras
from tf_keras import layers

from qat_kit.nets.blocks import conv_norm


def unet(
    *, input_shape: tuple[int, int, int], num_classes: int, filters: Sequence[int] = (16, 32, 64)
) -> tf_keras.Model:
    """Down by halves and up again, each size joined with its own way down; logits [batch, height, width, num_classes].

    filters: of each size, the full one first. Up goes by bilinear interpolation, which XNNPACK takes.
    Source: O. Ronneberger, P. Fischer and T. Brox, U-Net, arXiv:1505.04597.

    >>> unet(input_shape=(64, 64, 1), num_classes=11).output_shape
    (None, 64, 64, 11)
    """
    image = tf_keras.Input(input_shape, name="image")
    value, left = image, []
    for index, number in enumerate(filters):
        if index:
            value = layers.MaxPooling2D(name=f"down{index}")(value)
        for part in ("first", "second"):
            value = conv_norm(value, number, 3, name=f"down{index}_{part}")
        left.append(value)
    for index, number in reversed(list(enumerate(filters[:-1]))):
        value = layers.UpSampling2D(interpolation="bilinear", name=f"up{index}")(value)
        value = layers.Concatenate(name=f"join{index}")([value, left[index]])
        for part in ("first", "second"):
            value = conv_norm(value, number, 3, name=f"up{index}_{part}")
    return tf_keras.Model(image, layers.Conv2D(num_classes, 1, name="pixels")(value), name="unet")


def detector(
    *, input_shape: tuple[int, int, int], num_classes: int, filters: Sequence[int] = (16, 32, 64)
) -> tf_keras.Model:
    """A backbone that halves the size with each of `filters`, and for every cell of the last one anchor's answers.

    Outputs `classes` [batch, cells, cells, 1 + num_classes], logits, of background first, and `boxes` [batch, cells,
    cells, 4], offsets from the anchor. Source: W. Liu et al., SSD, arXiv:1512.02325.

    >>> detector(input_shape=(64, 64, 1), num_classes=10).output_shape
    [(None, 8, 8, 11), (None, 8, 8, 4)]
    """
    image = tf_keras.Input(input_shape, name="image")
    value = image
    for index, number in enumerate(filters, start=1):
        value = conv_norm(value, number, 3, strides=2, name=f"down{index}")
        value = conv_norm(value, number, 3, name=f"same{index}")
    value = conv_norm(value, filters[-1], 3, name="context")
    head = conv_norm(value, filters[-1], 3, name="head")
    classes = layers.Conv2D(1 + num_classes, 1, name="classes")(head)
    boxes = layers.Conv2D(4, 1, name="boxes")(head)
    return tf_keras.Model(image, [classes, boxes], name="detector")


def denoiser(*, input_shape: tuple[int, int, int], filters: int = 32, depth: int = 6) -> tf_keras.Model:
    """Convolutions in a row find the noise, which is taken from the picture: [batch, height, width, channels] → same.

    Source: K. Zhang et al., DnCNN, arXiv:1608.03981.

    >>> denoiser(input_shape=(28, 28, 1)).output_shape
    (None, 28, 28, 1)
    """
    image = tf_keras.Input(input_shape, name="image")
    value = layers.Conv2D(filters, 3, padding="same", activation="relu", name="conv1")(image)
    for index in range(2, depth):
        value = conv_norm(value, filters, 3, name=f"conv{index}")
    noise = layers.Conv2D(input_shape[-1], 3, padding="same", name="noise")(value)
    return tf_keras.Model(image, layers.Subtract(name="clean")([image, noise]), name="denoiser")
