"""ResNet-8, MLPerf Tiny's net for CIFAR-10."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tf_keras
from tf_keras import layers

from qat_kit.nets.blocks import conv_norm


def resnet8(
    *,
    input_shape: tuple[int, int, int] = (32, 32, 3),
    num_classes: int = 10,
    augment: Callable[[Any], Any] | None = None,
) -> tf_keras.Model:
    """A stem and three residual blocks of 16, 32 and 64 filters; logits [batch, num_classes]. 78,000 parameters.

    augment: random layers between the input and the stem. As MLPerf Tiny's, without biases in the convolutions that
    batch norm follows. Source: C. Banbury et al., MLPerf Tiny Benchmark, arXiv:2106.07597; K. He et al.,
    arXiv:1512.03385.

    >>> resnet8().output_shape
    (None, 10)
    """
    image = tf_keras.Input(input_shape, name="image")
    value = conv_norm(augment(image) if augment else image, 16, 3, name="stem", decay=_DECAY)
    for index, filters in enumerate((16, 32, 64)):
        value = _residual(value, filters, strides=1 if index == 0 else 2, name=f"block{index + 1}")
    value = layers.GlobalAveragePooling2D(name="pool")(value)
    return tf_keras.Model(image, layers.Dense(num_classes, name="logits")(value), name="resnet8")


_DECAY = 1e-4


def _residual(value: Any, filters: int, *, strides: int, name: str) -> Any:
    branch = conv_norm(value, filters, 3, strides=strides, name=f"{name}_first", decay=_DECAY)
    branch = conv_norm(branch, filters, 3, relu=False, name=f"{name}_second", decay=_DECAY)
    if strides > 1:
        value = layers.Conv2D(
            filters,
            1,
            strides=strides,
            padding="same",
            kernel_initializer="he_normal",
            kernel_regularizer=tf_keras.regularizers.L2(_DECAY),
            name=f"{name}_shortcut",
        )(value)
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")([value, branch]))
