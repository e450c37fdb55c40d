"""Layers called at several places: one layer in the prepared model where its places are still the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import tf_keras
from tf_keras import layers

from qat_kit.prepare import prepare
from tests.support import models
from tests.support.models import IMAGE, conv, model_of


def siamese(*, same_norm: bool) -> tf_keras.Model:
    """Two images through one convolution, each through a batch norm: the same one, or one of its own."""
    left, right = tf_keras.Input(IMAGE, name="left"), tf_keras.Input(IMAGE, name="right")
    encode, norm = conv(4, name="encode"), layers.BatchNormalization(name="norm")
    other = norm if same_norm else layers.BatchNormalization(name="other")
    output = layers.Subtract(name="difference")([norm(encode(left)), other(encode(right))])
    return models.randomized(tf_keras.Model([left, right], output, name="siamese"))


def test_places_that_stay_equal_are_one_layer_again() -> None:
    model = siamese(same_norm=True)
    prepared = prepare(model)
    assert len(prepared.model.get_layer("encode").inbound_nodes) == 2
    assert [weight.shape for weight in prepared.model.weights] == [(3, 3, 4, 4), (4,)]
    assert models.largest_difference(model, prepared.model) < 1e-5
    assert prepared.origins["encode"] == prepared.origins["encode_call2"] == ("encode", "norm")


def test_places_that_their_neighbours_made_different_are_two_layers() -> None:
    model = siamese(same_norm=False)
    prepared = prepare(model)
    assert len(prepared.model.weights) == 4
    assert models.largest_difference(model, prepared.model) < 1e-5


def test_equal_layers_that_never_were_one_stay_apart() -> None:
    first, second = conv(4, name="first"), conv(4, name="second")
    model = model_of(lambda image: second(first(image)))
    second.set_weights(first.get_weights())
    assert len(prepare(model).model.weights) == 4


def test_separable_halves_are_shared_each() -> None:
    layer = layers.SeparableConv2D(4, 3, padding="same", name="separable")
    model = model_of(lambda image: layer(layer(image)))
    prepared = prepare(model)
    assert [len(found.inbound_nodes) for found in prepared.model.layers[1:]] == [2, 2, 1]
    assert models.largest_difference(model, prepared.model) < 1e-5


def test_calls_with_the_same_input_are_one() -> None:
    shared = conv(4, name="shared")
    model = model_of(lambda image: layers.Add()([shared(image), layers.ReLU()(shared(image))]))
    prepared = prepare(model)
    assert len(prepared.model.get_layer("shared").inbound_nodes) == 1
    assert models.largest_difference(model, prepared.model) < 1e-5


def output_of(build: Any) -> tuple[tf_keras.Model, tf_keras.Model]:
    image = tf_keras.Input(IMAGE, name="image")
    model = models.randomized(tf_keras.Model(image, build(image), name="net"))
    return model, prepare(model).model


def test_outputs_keep_their_names_when_their_layers_go() -> None:
    model, prepared = output_of(
        lambda x: [layers.Dropout(0.5, name="last")(conv(name="conv")(x)), conv(name="other")(x)]
    )
    assert prepared.output_names == model.output_names == ["last", "other"]


def test_outputs_of_one_layer_keep_their_names_and_order() -> None:
    shared = conv(4, name="shared")

    def build(image: Any) -> list[Any]:
        first = shared(image)
        return [shared(first), first]

    model, prepared = output_of(build)
    assert prepared.output_names == model.output_names
    assert models.largest_difference(model, prepared) < 1e-5


def test_a_tensor_that_is_returned_twice_keeps_both_names() -> None:
    def build(image: Any) -> list[Any]:
        value = conv(4, name="conv")(image)
        return [value, value]

    model, prepared = output_of(build)
    assert prepared.output_names == model.output_names
    np.testing.assert_array_equal(*prepared(np.ones((1, *IMAGE), np.float32)))


def test_layers_that_do_the_same_with_the_same_tensor_are_one_but_for_random_ones() -> None:
    def build(image: Any) -> Any:
        branches = [layers.Dropout(0.5)(layers.ReLU(max_value=maximum)(image)) for maximum in (None, None, 6.0)]
        return layers.Add()([*branches, *(layers.Dropout(0.5)(branches[0]) for _ in range(2))])

    prepared = prepare(model_of(build))
    kinds = [type(layer).__name__ for layer in prepared.model.layers]
    assert kinds.count("ReLU") == 2
    assert kinds.count("Dropout") == 5
    assert max(map(len, prepared.origins.values())) == 2
