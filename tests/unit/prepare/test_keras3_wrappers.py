"""Layers of Keras 3 that hold layers, recurrent and embedding layers: carried over with all their arguments."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

from qat_kit.errors import UnsupportedLayerError
from qat_kit.prepare import as_tf_keras, prepare
from tests.unit.prepare.test_keras3 import randomize

SEQUENCE, FRAMES = (6, 4), (3, 6, 5, 2)


def model_of(layer, shape=SEQUENCE, dtype="float32"):
    inputs = keras.Input(shape, name="inputs", dtype=dtype)
    return randomize(keras.Model(inputs, layer(inputs), name="net"))


def within():
    return keras.Sequential([keras.Input((4,)), layers.Dense(3, activation="tanh"), layers.Dense(2)], name="within")


class Doubled(layers.Layer):
    def call(self, inputs):
        return 2.0 * inputs

    def compute_output_shape(self, input_shape):
        return input_shape


CELLS = [layers.LSTMCell(3), layers.GRUCell(2, reset_after=False)]
# Each with arguments that are not the default, so that a dropped one changes the output or its shape.
WRAPPERS = {
    "bidirectional": (lambda: layers.Bidirectional(layers.LSTM(3, activation="relu", use_bias=False)), SEQUENCE),
    "bidirectional_sum": (lambda: layers.Bidirectional(layers.GRU(3, return_sequences=True), "sum"), SEQUENCE),
    "bidirectional_none": (lambda: layers.Bidirectional(layers.GRU(3), merge_mode=None), SEQUENCE),
    "bidirectional_two": (
        lambda: layers.Bidirectional(
            layers.LSTM(3), backward_layer=layers.LSTM(3, activation="sigmoid", go_backwards=True), merge_mode="mul"
        ),
        SEQUENCE,
    ),
    "bidirectional_states": (lambda: layers.Bidirectional(layers.LSTM(2, return_state=True)), SEQUENCE),
    "cells": (lambda: layers.RNN(CELLS, return_sequences=True, go_backwards=True), SEQUENCE),
    "cell": (lambda: layers.RNN(layers.SimpleRNNCell(3, activation="relu"), return_state=True), SEQUENCE),
    "steps_of_a_layer": (lambda: layers.TimeDistributed(layers.Conv1D(3, 2, strides=2)), (3, 6, 4)),
    "steps_of_a_model": (lambda: layers.TimeDistributed(within()), SEQUENCE),
    "steps_of_a_custom_layer": (lambda: layers.TimeDistributed(Doubled()), SEQUENCE),
    "frames": (
        lambda: layers.ConvLSTM2D(3, 2, strides=(2, 1), padding="same", activation="relu", return_sequences=True),
        FRAMES,
    ),
    "frames_1d": (lambda: layers.ConvLSTM1D(2, 3, dilation_rate=2, go_backwards=True), (3, 8, 2)),
    "resizing": (lambda: layers.Resizing(4, 7, interpolation="nearest"), FRAMES[1:]),
    "resizing_crop": (lambda: layers.Resizing(3, 4, crop_to_aspect_ratio=True), FRAMES[1:]),
    "reset_before": (lambda: layers.GRU(3, reset_after=False, recurrent_activation="tanh"), SEQUENCE),
}


def outputs_of(model, values):
    return [np.asarray(output) for output in keras.tree.flatten(model(values, training=False))]


def assert_equal(before, after, values):
    for old, new in zip(outputs_of(before, values), outputs_of(after, values), strict=True):
        np.testing.assert_allclose(new, old, atol=1e-5 * max(1e-3, np.abs(old).max()))


@pytest.mark.parametrize("name", WRAPPERS)
def test_a_layer_is_carried_over_with_all_its_arguments(name):
    make, shape = WRAPPERS[name]
    model = model_of(make(), shape)
    values = np.random.default_rng(5).normal(size=(2, *shape)).astype(np.float32)
    assert_equal(model, as_tf_keras(model), values)


@pytest.mark.parametrize("dtype", ["int32", "float32"])
def test_an_embedding(dtype):
    model = model_of(lambda x: layers.Dense(2)(layers.Embedding(9, 4, name="table")(x)), (5,), dtype)
    carried = as_tf_keras(model)
    assert carried.inputs[0].dtype == dtype
    indices = np.random.default_rng(5).integers(0, 9, (3, 5)).astype(dtype)
    assert_equal(model, carried, indices)
    assert_equal(model, prepare(model).model, indices.astype(np.int32))


def test_an_embedding_keeps_its_mask():
    model = model_of(lambda x: layers.GRU(2)(layers.Embedding(9, 4, mask_zero=True)(x)), (5,), "int32")
    assert_equal(model, as_tf_keras(model), np.array([[1, 2, 0, 0, 0], [0, 1, 2, 3, 0]], np.int32))


def test_a_mask_and_initial_states_are_handed_on():
    sequence, mask = keras.Input(SEQUENCE, name="sequence"), keras.Input((6,), dtype="bool", name="mask")
    states = [keras.Input((3,), name="h"), keras.Input((3,), name="c")]
    lstm = layers.LSTM(3, name="lstm")
    masked, plain = lstm(sequence, mask=mask), lstm(sequence, initial_state=states, training=False)
    model = randomize(keras.Model([sequence, mask, *states], [masked, plain]))
    random = np.random.default_rng(6)
    values = [random.normal(size=(4, *SEQUENCE)), random.random((4, 6)) < 0.5, *random.normal(size=(2, 4, 3))]
    values = [value.astype(tensor.dtype) for value, tensor in zip(values, model.inputs, strict=True)]
    carried = as_tf_keras(model)
    assert_equal(model, carried, values)
    assert carried.output_names == ["lstm", "lstm_1"]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda x: layers.RNN(Strange(3), name="it")(x), "'it' .RNN of Strange"),
        (lambda x: layers.Resizing(2, 2, pad_to_aspect_ratio=True, name="it")(x[..., None]), "'it'.*pad_to_aspect"),
    ],
)
def test_what_cannot_be_carried_over_is_refused_by_name(make, words):
    inputs = keras.Input(SEQUENCE, name="inputs")
    with pytest.raises(UnsupportedLayerError, match=words):
        as_tf_keras(keras.Model(inputs, make(inputs)))


class Strange(layers.SimpleRNNCell):
    """A cell of one's own."""
