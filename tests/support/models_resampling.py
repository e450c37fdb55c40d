"""Patterns of resizing, up-sampling and volumes."""

from __future__ import annotations

from collections.abc import Callable

import tf_keras
from tf_keras import layers

from tests.support.models import IMAGE, chain, conv, model_of

VOLUME = (4, 6, 5, 2)


def _chain(make: Callable[[], list[layers.Layer]], shape: tuple[int, ...] = IMAGE) -> Callable[[], tf_keras.Model]:
    return lambda: model_of(chain(*make()), shape)


# name → a function that makes the model.
PATTERNS: dict[str, Callable[[], tf_keras.Model]] = {
    "resizing_bilinear": _chain(lambda: [conv(), layers.Resizing(12, 9), conv(2)]),
    "resizing_nearest": _chain(lambda: [conv(), layers.Resizing(5, 11, interpolation="nearest"), conv(2)]),
    "upsampling_bicubic": _chain(lambda: [conv(), layers.UpSampling2D(2, interpolation="bicubic")]),
    "resizing_area": _chain(lambda: [conv(), layers.Resizing(4, 2, interpolation="area")]),
    "resizing_of_input": _chain(lambda: [layers.Resizing(4, 4), conv(2)]),
    "dilated_transposed": _chain(lambda: [layers.Conv2DTranspose(5, 3, dilation_rate=2), layers.ReLU()]),
    "dilated_transposed_same": _chain(lambda: [layers.Conv2DTranspose(5, (2, 3), dilation_rate=2, padding="same")]),
    "conv3d": _chain(
        lambda: [layers.Conv3D(4, 3, activation="relu"), layers.GlobalAveragePooling3D(), layers.Dense(2)], VOLUME
    ),
    "conv3d_same_bn": _chain(
        lambda: [
            layers.Conv3D(4, (3, 1, 2), padding="same", strides=(2, 1, 1)),
            layers.BatchNormalization(),
            layers.ReLU(),
        ],
        VOLUME,
    ),
    "conv3d_pools": _chain(
        lambda: [
            layers.Conv3D(4, (1, 3, 3), padding="same"),
            layers.MaxPooling3D(2),
            layers.UpSampling3D((1, 2, 1)),
            layers.Flatten(),
        ],
        VOLUME,
    ),
    "average_pool3d": _chain(lambda: [layers.Conv3D(4, 2, padding="same"), layers.AveragePooling3D((2, 2, 1))], VOLUME),
    "pad3d_crop3d": _chain(
        lambda: [
            layers.ZeroPadding3D(1),
            layers.Conv3D(3, 2),
            layers.Cropping3D(((1, 0), (0, 1), (1, 1))),
            layers.GlobalMaxPooling3D(),
        ],
        VOLUME,
    ),
}
