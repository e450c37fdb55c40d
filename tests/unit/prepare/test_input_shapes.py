"""Sizes that a model leaves open are fixed by an argument, or refused with how to write it."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tf_keras
from tf_keras import layers

from qat_kit.errors import ModelError, UnknownNameError
from qat_kit.prepare import prepare, take_model
from tests.support.models import chain, conv, randomized
from tests.unit.prepare.test_keras3 import randomize

OPEN = (None, None, 3)


def open_model():
    image = tf_keras.Input(OPEN, name="image")
    inner = tf_keras.Sequential([tf_keras.Input((None, None, 6)), conv(6), layers.BatchNormalization()], name="inner")
    value = inner(conv(6, activation="relu")(image))
    return randomized(tf_keras.Model(image, layers.Dense(2)(layers.GlobalAveragePooling2D()(value)), name="net"))


@pytest.mark.parametrize("shapes", [(9, 8, 3), {"image": (9, 8, 3)}, "image=9x8x3"])
def test_a_model_of_tf_keras(shapes) -> None:
    model = open_model()
    prepared = prepare(model, input_shapes=shapes).model
    assert prepared.input_shape == (None, 9, 8, 3)
    samples = np.random.default_rng(2).normal(size=(3, 9, 8, 3)).astype(np.float32)
    np.testing.assert_allclose(prepared(samples), model(samples), atol=1e-5)


def test_a_shape_reaches_operations_on_tensors_and_the_layers_behind_them() -> None:
    image = tf_keras.Input((None, 8, 3), name="image")
    model = tf_keras.Model(image, layers.Dense(2)(layers.Flatten()(layers.Resizing(4, 4)(image[:, 1:]))))
    assert prepare(model, input_shapes=(6, 8, 3)).model.input_shape == (None, 6, 8, 3)


def test_a_model_of_keras3_with_operations_and_a_nested_model() -> None:
    image, other = keras.Input(OPEN, name="image"), keras.Input((None,), name="other")
    inner_image = keras.Input(OPEN)
    inner = keras.Model(
        inner_image, keras.layers.Conv2D(4, 3)(keras.ops.pad(inner_image, ((0, 0), (1, 0), (0, 0), (0, 0))))
    )
    flat = keras.ops.reshape(inner(image), (-1, 7 * 6 * 4))
    model = randomize(keras.Model({"image": image, "other": other}, keras.ops.concatenate([flat, other], axis=1)))
    shapes = {"image": (8, 8, 3), "other": (5,)}
    carried = take_model(model, input_shapes=shapes)
    assert [tuple(tensor.shape) for tensor in carried.inputs] == [(None, 8, 8, 3), (None, 5)]
    random = np.random.default_rng(3)
    feed = {name: random.normal(size=(2, *shape)).astype(np.float32) for name, shape in shapes.items()}
    np.testing.assert_allclose(carried(list(feed.values())), model(feed), atol=1e-5)
    assert prepare(model, input_shapes=shapes).model.output_shape == (None, 7 * 6 * 4 + 5)


@pytest.mark.parametrize("kit", [tf_keras, keras])
def test_an_open_size_is_refused_with_how_to_write_it(kit) -> None:
    image = kit.Input(OPEN, name="image")
    model = kit.Model(image, kit.layers.Conv2D(2, 3)(image), name="net")
    with pytest.raises(
        ModelError, match=r"'net': input 'image' takes \[None, None, 3\].*input_shapes={'image': \(96, 96, 3\)}"
    ):
        prepare(model)


@pytest.mark.parametrize(
    ("shapes", "error", "words"),
    [
        ({"picture": (8, 8, 3)}, UnknownNameError, "no input of model 'net' named 'picture'"),
        ((8, 8), ModelError, r"takes samples of shape \[None, None, 3\], and input_shapes says \[8, 8\]"),
        ((8, 8, 4), ModelError, r"input_shapes says \[8, 8, 4\]"),
        ((1, 1, 3), ModelError, "cannot take input_shapes"),
    ],
)
def test_shapes_that_do_not_fit(shapes, error, words) -> None:
    image = tf_keras.Input(OPEN, name="image")
    model = tf_keras.Model(image, chain(layers.Conv2D(2, 3))(image), name="net")
    with pytest.raises(error, match=words):
        prepare(model, input_shapes=shapes)
    other = keras.Input(OPEN, name="image")
    with pytest.raises(error, match=words):
        prepare(keras.Model(other, keras.layers.Conv2D(2, 3)(other), name="net"), input_shapes=shapes)


def test_one_shape_for_two_inputs_is_refused() -> None:
    left, right = tf_keras.Input((None,), name="left"), tf_keras.Input((None,), name="right")
    with pytest.raises(ModelError, match=r"2 inputs; .*input_shapes={'left': \(96,\), 'right': \(96,\)}"):
        take_model(tf_keras.Model([left, right], layers.Add()([left, right])), input_shapes=(4,))


def test_a_batch_stays_what_it_is() -> None:
    image = tf_keras.Input(batch_shape=(2, None, 8, 3), name="image")
    assert take_model(tf_keras.Model(image, conv(2)(image)), input_shapes=(8, 8, 3)).input_shape == (2, 8, 8, 3)
