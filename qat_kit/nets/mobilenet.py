"""MobileNetV1, whose quarter width at 96×96 is MLPerf Tiny's net for person detection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tf_keras
from tf_keras import layers

from qat_kit.nets.blocks import conv_norm, depthwise_norm

# Filters and stride of each separable block at full width (table 1 of the paper).
_BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *((512, 1),) * 5, (1024, 2), (1024, 1))


def mobilenet(
    *,
    input_shape: tuple[int, int, int] = (96, 96, 3),
    num_classes: int = 10,
    width: float = 0.25,
    stem_strides: int = 2,
    num_downsamplings: int = 4,
    augment: Callable[[Any], Any] | None = None,
) -> tf_keras.Model:
    """A stem and 13 blocks of a depthwise and a 1×1 convolution; logits [batch, num_classes].

    width: all numbers of filters are multiplied by it. stem_strides, num_downsamplings: small pictures need fewer
    halvings; blocks behind the first `num_downsamplings` strides keep the size. augment: layers behind the input.
    Source: A. Howard et al., MobileNets, arXiv:1704.04861.

    >>> net = mobilenet(input_shape=(32, 32, 3), stem_strides=1, num_downsamplings=3)
    >>> net.get_layer("block13_mix_relu").output.shape
    TensorShape([None, 4, 4, 256])
    """
    image = tf_keras.Input(input_shape, name="image")
    value = conv_norm(augment(image) if augment else image, round(32 * width), 3, strides=stem_strides, name="stem")
    for index, (filters, strides) in enumerate(_BLOCKS, start=1):
        halvings_so_far = sum(stride > 1 for _, stride in _BLOCKS[:index])
        strides = strides if halvings_so_far <= num_downsamplings else 1
        value = depthwise_norm(value, strides=strides, name=f"block{index}_depthwise")
        value = conv_norm(value, round(filters * width), 1, name=f"block{index}_mix")
    value = layers.GlobalAveragePooling2D(name="pool")(value)
    return tf_keras.Model(image, layers.Dense(num_classes, name="logits")(value), name="mobilenet")
