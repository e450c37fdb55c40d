"""Convolution, batch norm, ReLU: what all these networks are made of."""

from __future__ import annotations

from typing import Any

from tf_keras import layers, regularizers


def conv_norm(
    value: Any,
    filters: int,
    size: int | tuple[int, int],
    *,
    name: str,
    strides: int = 1,
    relu: bool = True,
    decay: float = 0.0,
) -> Any:
    """A convolution without bias, batch norm and, unless told otherwise, ReLU."""
    value = layers.Conv2D(
        filters,
        size,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        kernel_regularizer=regularizers.L2(decay) if decay else None,
        name=name,
    )(value)
    return norm(value, name=name, relu=relu)


def depthwise_norm(value: Any, *, name: str, strides: int = 1) -> Any:
    """A 3×3 depthwise convolution without bias, batch norm and ReLU."""
    value = layers.DepthwiseConv2D(3, strides=strides, padding="same", use_bias=False, name=name)(value)
    return norm(value, name=name)


def norm(value: Any, *, name: str, relu: bool = True) -> Any:
    """Batch norm, whose averages follow within an epoch of a small dataset, and ReLU."""
    value = layers.BatchNormalization(momentum=0.95, name=f"{name}_norm")(value)
    return layers.ReLU(name=f"{name}_relu")(value) if relu else value
