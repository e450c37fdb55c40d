"""DS-CNN, the net of keyword spotting on microcontrollers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tf_keras
from tf_keras import layers

from qat_kit.nets.blocks import conv_norm, depthwise_norm


def ds_cnn(
    *,
    input_shape: tuple[int, int, int] = (49, 10, 1),
    num_classes: int = 12,
    filters: int = 64,
    stem_size: tuple[int, int] = (10, 4),
    augment: Callable[[Any], Any] | None = None,
) -> tf_keras.Model:
    """A strided stem and four blocks of a depthwise and a 1×1 convolution; logits [batch, num_classes].

    input_shape: frames, bands, 1. augment: layers behind the input. The defaults are MLPerf Tiny's, 23,000 parameters.
    Source: Y. Zhang et al., Hello Edge, arXiv:1711.07128; C. Banbury et al., arXiv:2106.07597.

    >>> ds_cnn().output_shape
    (None, 12)
    """
    picture = tf_keras.Input(input_shape, name="spectrogram")
    value = augment(picture) if augment else picture
    value = conv_norm(value, filters, stem_size, strides=2, name="stem")
    value = layers.Dropout(0.2, name="stem_dropout")(value)
    for index in range(1, 5):
        value = depthwise_norm(value, name=f"block{index}_depthwise")
        value = conv_norm(value, filters, 1, name=f"block{index}_mix")
    value = layers.Dropout(0.4, name="dropout")(value)
    value = layers.GlobalAveragePooling2D(name="pool")(value)
    return tf_keras.Model(picture, layers.Dense(num_classes, name="logits")(value), name="ds_cnn")
