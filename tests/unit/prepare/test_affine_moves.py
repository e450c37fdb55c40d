"""Batch norm reaches a kernel past layers that it commutes with, exactly; past others it stays where it is."""

from __future__ import annotations

import numpy as np
import pytest
from tf_keras import layers

from qat_kit.prepare.affine import fold_affine
from qat_kit.prepare.batch_norm import replace_batch_norm
from tests.support.models import IMAGE, SEQUENCE, chain, conv, model_of
from tests.support.rewrites import kinds, rewritten

L = layers


def folded(model):
    return rewritten(model, lambda graph: fold_affine(replace_batch_norm(graph)))


PAST = {
    "dropout": (lambda: [L.Dropout(0.5)], IMAGE),
    "dropout of channels": (lambda: [L.SpatialDropout2D(0.5)], IMAGE),
    "crop": (lambda: [L.Cropping2D(((1, 0), (2, 1)))], IMAGE),
    "upsampling": (lambda: [L.UpSampling2D((2, 3))], IMAGE),
    "average": (lambda: [L.AveragePooling2D(3, strides=2, padding="same")], IMAGE),
    "average, valid": (lambda: [L.AveragePooling2D(2)], IMAGE),
    "global average": (lambda: [L.GlobalAveragePooling2D()], IMAGE),
    "reshape": (lambda: [L.Reshape((4, 16, 8))], IMAGE),
    "sequence": (lambda: [L.Dropout(0.1), L.AveragePooling1D(2), L.Cropping1D(1)], SEQUENCE),
    "several": (
        lambda: [L.Dropout(0.1), L.AveragePooling2D(2), L.Reshape((8, 2, 8)), L.Cropping2D(((1, 2), 0))],
        IMAGE,
    ),
}


@pytest.mark.parametrize("name", PAST)
def test_batch_norm_folds_back_past_a_layer(name: str) -> None:
    make, shape = PAST[name]
    linear = conv(8) if shape is IMAGE else L.Conv1D(8, 3)
    graph = folded(model_of(chain(linear, *make(), L.BatchNormalization(name="norm")), shape))
    assert kinds(graph) == ["InputLayer", type(linear).__name__, *(type(layer).__name__ for layer in make())]


@pytest.mark.parametrize("name", PAST)
def test_batch_norm_folds_forward_past_a_layer(name: str) -> None:
    make, shape = PAST[name]
    between = make()
    if name == "reshape":
        between = [L.Reshape((4, 16, 4))]
    elif name == "several":
        between = [L.Dropout(0.1), L.AveragePooling2D(2), L.Reshape((8, 2, 4))]
    graph = folded(model_of(chain(L.BatchNormalization(name="norm"), *between, L.Dense(3)), shape))
    assert kinds(graph) == ["InputLayer", *(type(layer).__name__ for layer in between), "Dense"]


def test_batch_norm_folds_forward_past_flatten_with_its_numbers_repeated() -> None:
    graph = folded(model_of(chain(L.BatchNormalization(name="norm"), L.Flatten(), L.Dense(3))))
    assert kinds(graph) == ["InputLayer", "Flatten", "Dense"]


def centred(make, *, positive: bool):
    """The model with a batch norm without an offset, or one whose factors are all positive."""
    model = model_of(make)
    layer = model.get_layer("norm")
    gamma, beta, mean, variance = layer.get_weights()
    gamma = np.abs(gamma) if positive else gamma * np.where(np.arange(gamma.size) == 1, -1.0, 1.0) * np.sign(gamma)
    layer.set_weights([gamma, beta, mean, variance])
    return model


def test_a_maximum_is_passed_with_positive_factors_alone() -> None:
    def build():
        return chain(conv(8), L.MaxPooling2D(2, padding="same"), L.BatchNormalization(name="norm"))

    assert kinds(folded(centred(build(), positive=True))) == ["InputLayer", "Conv2D", "MaxPooling2D"]
    assert kinds(folded(centred(build(), positive=False))) == [
        "InputLayer",
        "Conv2D",
        "MaxPooling2D",
        "DepthwiseConv2D",
    ]


def test_padding_is_passed_without_an_offset_alone() -> None:
    def build(**arguments):
        norm = L.BatchNormalization(name="norm", center=False, **arguments)
        return model_of(chain(conv(8), L.ZeroPadding2D(1), norm))

    plain = build()
    gamma, mean, variance = plain.get_layer("norm").get_weights()
    assert kinds(folded(plain))[-1] == "DepthwiseConv2D"
    plain.get_layer("norm").set_weights([gamma, np.zeros_like(mean), variance])
    assert kinds(folded(plain)) == ["InputLayer", "Conv2D", "ZeroPadding2D"]


def test_a_norm_behind_flatten_stays_where_a_channel_has_several_numbers() -> None:
    graph = folded(model_of(chain(conv(8), L.Flatten(), L.BatchNormalization(name="norm"))))
    assert "DepthwiseConv2D" in kinds(graph)


def test_what_another_layer_reads_too_is_not_changed() -> None:
    def build(image):
        dropped = L.Dropout(0.5, name="drop")(conv(4, name="conv")(image))
        return L.Concatenate()([L.BatchNormalization(name="norm")(dropped), dropped])

    graph = folded(model_of(build))
    assert "DepthwiseConv2D" in kinds(graph)


def test_an_activation_between_keeps_them_apart() -> None:
    graph = folded(model_of(chain(conv(8), L.Dropout(0.5), L.ReLU(), L.BatchNormalization(name="norm"))))
    assert kinds(graph)[-1] == "DepthwiseConv2D"
