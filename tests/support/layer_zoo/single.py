"""Layers alone or among their usual neighbours: activations, merging, normalization, resampling, three dimensions."""

from __future__ import annotations

import tf_keras
from tf_keras import layers

from tests.support.layer_zoo.row import of_input, rows, sequential
from tests.support.models import SEQUENCE, VECTOR, conv

L = layers

VOLUME = (4, 6, 6, 3)


def _activation(name: str) -> tuple[str, object]:
    return f"{name} between two convolutions", sequential(lambda: [conv(4), L.Activation(name), conv(2)])


ACTIVATIONS = rows(
    "activations",
    {
        **{
            f"activation_{name}": _activation(name)
            for name in ("elu", "selu", "softplus", "softsign", "swish", "hard_sigmoid", "exponential", "mish")
        },
        "elu_layer": ("the layer ELU behind a convolution", sequential(lambda: [conv(4), L.ELU(0.5), conv(2)])),
        "relu_one": ("a ReLU that ends at 1", sequential(lambda: [conv(4), L.ReLU(1.0), conv(2)])),
        "relu_threshold": ("a ReLU with a threshold", sequential(lambda: [conv(4), L.ReLU(threshold=0.5), conv(2)])),
        "prelu_per_element": ("a slope for each element", sequential(lambda: [conv(4), L.PReLU()])),
        "softmax_layer": (
            "the layer Softmax behind a dense one",
            sequential(lambda: [L.Dense(5), L.Softmax()], VECTOR),
        ),
        "softmax_axis_1": ("a softmax over rows", sequential(lambda: [conv(4), L.Softmax(axis=1)])),
    },
)
MERGING = rows(
    "merging",
    {
        "average": ("the mean of two", of_input(lambda x: L.Average()([conv(4)(x), x]))),
        "average_of_three": ("the mean of three", of_input(lambda x: L.Average()([conv(4)(x), x, conv(4, 1)(x)]))),
        "multiply_of_three": ("a product of three", of_input(lambda x: L.Multiply()([conv(4)(x), x, conv(4, 1)(x)]))),
        "dot": (
            "two vectors multiplied",
            of_input(lambda x: L.Dot(axes=1)([L.Dense(4)(x), L.Dense(4)(x)]), VECTOR),
        ),
        "dot_normalized": (
            "the cosine of two vectors",
            of_input(lambda x: L.Dot(axes=1, normalize=True)([L.Dense(4)(x), L.Dense(4)(x)]), VECTOR),
        ),
        "maximum_of_three": ("the largest of three", of_input(lambda x: L.Maximum()([conv(4)(x), x, conv(4, 1)(x)]))),
    },
)
NORMALIZATION = rows(
    "normalization",
    {
        "layer_norm": ("a layer norm of the input", sequential(lambda: [L.LayerNormalization()], SEQUENCE)),
        "dense_layer_norm": (
            "a layer norm between dense layers",
            sequential(lambda: [L.Dense(8), L.LayerNormalization(), L.ReLU(), L.Dense(3)], VECTOR),
        ),
        "conv_layer_norm": (
            "a layer norm over channels",
            sequential(lambda: [conv(8), L.LayerNormalization(), conv(2)]),
        ),
        "layer_norm_plain": (
            "a layer norm without center and scale",
            sequential(lambda: [L.Dense(8), L.LayerNormalization(center=False, scale=False), L.Dense(3)], VECTOR),
        ),
        "layer_norm_axes": ("a layer norm over the whole image", sequential(lambda: [L.LayerNormalization([1, 2, 3])])),
        "group_norm": ("a group norm", sequential(lambda: [conv(8), L.GroupNormalization(2), L.ReLU(), conv(2)])),
        "instance_norm": ("a group norm of one channel each", sequential(lambda: [conv(4), L.GroupNormalization(-1)])),
        "unit_norm": ("vectors scaled to length 1", sequential(lambda: [L.Dense(8), L.UnitNormalization()], VECTOR)),
        "bn_before_and_after": (
            "batch norm on both sides of a padded convolution",
            sequential(lambda: [L.BatchNormalization(), conv(4), L.BatchNormalization(), L.ReLU()]),
        ),
        "bn_behind_dropout": (
            "a dropout between convolution and batch norm",
            sequential(lambda: [conv(4), L.Dropout(0.2), L.BatchNormalization(), L.ReLU(), conv(2)]),
        ),
        "bn_behind_padding": (
            "a padding between convolution and batch norm",
            sequential(lambda: [conv(4), L.ZeroPadding2D(1), L.BatchNormalization(), L.ReLU(), conv(2)]),
        ),
    },
)
RESAMPLING = rows(
    "resampling",
    {
        "upsampling1d": ("steps repeated", sequential(lambda: [L.Conv1D(4, 3), L.UpSampling1D(2)], SEQUENCE)),
        "resizing_bilinear": ("resized to 6×5", sequential(lambda: [conv(4), L.Resizing(6, 5)])),
        "resizing_nearest": (
            "resized to the nearest pixel",
            sequential(lambda: [conv(4), L.Resizing(16, 12, interpolation="nearest"), conv(2)]),
        ),
        "upsampling_bicubic": (
            "upsampled by a cubic",
            sequential(lambda: [conv(4), L.UpSampling2D(2, interpolation="bicubic")]),
        ),
        "conv1d_transposed": (
            "a transposed 1-D convolution",
            sequential(lambda: [L.Conv1DTranspose(4, 3, strides=2), L.ReLU()], SEQUENCE),
        ),
        "transposed_dilated": (
            "a dilated transposed convolution",
            sequential(lambda: [L.Conv2DTranspose(4, 3, dilation_rate=2)]),
        ),
        "center_crop": ("the middle of an image", sequential(lambda: [conv(4), L.CenterCrop(4, 4)])),
    },
)
VOLUMES = rows(
    "three dimensions",
    {
        "conv3d": ("a 3-D convolution", sequential(lambda: [L.Conv3D(4, 3), L.ReLU()], VOLUME)),
        "conv3d_bn": (
            "a 3-D convolution with batch norm",
            sequential(lambda: [L.Conv3D(4, 2, padding="same"), L.BatchNormalization(), L.ReLU()], VOLUME),
        ),
        "max_pool3d": ("a 3-D pool", sequential(lambda: [L.MaxPooling3D(2)], VOLUME)),
        "average_pool3d": ("a 3-D mean", sequential(lambda: [L.AveragePooling3D(2)], VOLUME)),
        "pad_crop3d": (
            "padding and cropping in 3-D",
            sequential(lambda: [L.ZeroPadding3D(1), L.Cropping3D(1)], VOLUME),
        ),
        "global_average3d": (
            "the mean of a volume",
            sequential(lambda: [L.GlobalAveragePooling3D(), L.Dense(3)], VOLUME),
        ),
    },
)
TRAINING_ONLY = rows(
    "for training only",
    {
        f"gone_{name}": (f"{name} is gone in the file", sequential(lambda kind=kind: [conv(4), kind(), L.ReLU()]))
        for name, kind in {
            "alpha_dropout": lambda: L.AlphaDropout(0.1),
            "spatial_dropout": lambda: L.SpatialDropout2D(0.1),
            "gaussian_dropout": lambda: L.GaussianDropout(0.1),
            "activity_regularization": lambda: L.ActivityRegularization(0.01),
            "identity": lambda: L.Identity(),
            "random_flip": lambda: tf_keras.layers.RandomFlip(),
        }.items()
    },
)
SINGLE = ACTIVATIONS | MERGING | NORMALIZATION | RESAMPLING | VOLUMES | TRAINING_ONLY
