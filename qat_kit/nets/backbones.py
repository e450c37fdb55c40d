"""Backbones of `keras.applications` under a new head."""

from __future__ import annotations

from typing import Any

import tf_keras
from tf_keras import layers


def transferred(
    backbone: str, *, size: int, num_classes: int, weights: str | None = None, **options: Any
) -> tf_keras.Model:
    """A backbone, the mean over its places, dropout and a dense layer: logits [batch, num_classes].

    backbone: a name in `tf_keras.applications`. weights: `imagenet`, which Keras downloads; None for random ones.
    options: of the backbone, such as alpha. Its dropout is none, and batch norm trains as it stands.

    >>> transferred("MobileNet", size=32, num_classes=3, alpha=0.25).output_shape
    (None, 3)
    """
    build = getattr(tf_keras.applications, backbone)
    base = build(input_shape=(size, size, 3), include_top=False, weights=weights, pooling="avg", **options)
    value = layers.Dropout(0.2, name="dropout")(base.output)
    return tf_keras.Model(base.input, layers.Dense(num_classes, name="logits")(value), name=backbone.lower())
