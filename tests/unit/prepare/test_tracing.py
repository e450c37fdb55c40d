"""Subclassed models and custom layers: traced with equal outputs, or refused naming whose Python it is."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from tf_keras import layers

from qat_kit.errors import ModelError, ModelNotBuiltError, UnsupportedLayerError
from qat_kit.prepare import prepare, take_model

SAMPLES = np.random.default_rng(3).normal(size=(5, 4)).astype(np.float32)


class Block(layers.Layer):
    """A custom layer of known layers, with a batch norm that asks for `training`."""

    def __init__(self, units, **options):
        super().__init__(**options)
        self.dense, self.norm, self.add = layers.Dense(units), layers.BatchNormalization(), layers.Add()

    def call(self, inputs, training):
        return self.add([self.norm(self.dense(inputs), training=training), inputs])


class Network(tf_keras.Model):
    """A subclassed model which calls a custom layer twice and another subclassed model."""

    def __init__(self, head=None):
        super().__init__(name="network")
        self.block, self.head = Block(4, name="block"), head or layers.Dense(2, name="head")

    def call(self, inputs, training=None):
        if training:
            inputs = inputs + 1.0
        return self.head(self.block(self.block(inputs, training=training), training=training))


def built(model):
    model(SAMPLES)
    random = np.random.default_rng(4)
    model.set_weights([random.uniform(0.2, 1.0, weight.shape) for weight in model.get_weights()])
    return model


def nested():
    return Network(head=Network())


@pytest.mark.parametrize("make", [Network, nested])
def test_a_subclassed_model_is_traced_with_equal_outputs(make):
    model = built(make())
    before = [weight.copy() for weight in model.get_weights()]
    traced = take_model(model)
    assert not any(type(layer).__module__.startswith("tests") for layer in traced.layers)
    np.testing.assert_allclose(traced(SAMPLES), model(SAMPLES), rtol=1e-6)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_prepare_takes_a_subclassed_model():
    class Plain(tf_keras.Model):
        def __init__(self):
            super().__init__(name="plain")
            self.hidden, self.norm, self.relu = layers.Dense(3), layers.BatchNormalization(), layers.ReLU()

        def call(self, inputs):
            return self.relu(self.norm(self.hidden(inputs)))

    model = built(Plain())
    np.testing.assert_allclose(prepare(model).model(SAMPLES), model(SAMPLES), rtol=1e-5, atol=1e-5)


def test_a_custom_layer_in_a_functional_model():
    features = tf_keras.Input((4,), name="features")
    model = built(tf_keras.Model(features, layers.Dense(2, name="head")(Block(4, name="block")(features))))
    traced = take_model(model)
    assert traced.input_names == ["features"]
    assert traced.layers[-1].name == "head"
    np.testing.assert_allclose(traced(SAMPLES), model(SAMPLES), rtol=1e-6)


def test_a_model_of_known_layers_is_returned_as_it_is():
    model = tf_keras.Sequential([tf_keras.Input((4,)), layers.Dense(2)])
    assert take_model(model) is model


def test_several_inputs_and_outputs_by_name():
    class Two(tf_keras.Model):
        def __init__(self):
            super().__init__(name="two")
            self.left, self.right = layers.Dense(2, name="left_dense"), layers.Dense(3, name="right_dense")

        def call(self, inputs):
            return {"a": self.left(inputs["left"]), "b": self.right(inputs["right"])}

    model, feed = Two(), {"left": SAMPLES, "right": 2 * SAMPLES}
    expected = model(feed)
    traced = take_model(model)
    assert traced.input_names == ["left", "right"]
    outputs = traced([SAMPLES, 2 * SAMPLES])
    np.testing.assert_allclose(outputs[0], expected["a"], rtol=1e-6)
    np.testing.assert_allclose(outputs[1], expected["b"], rtol=1e-6)


def test_a_subclassed_model_of_keras3():
    class Network3(keras.Model):
        def __init__(self):
            super().__init__(name="network3")
            self.hidden, self.relu, self.head = keras.layers.Dense(4), keras.layers.ReLU(), keras.layers.Dense(2)

        def call(self, inputs, training=False):
            return self.head(self.relu(self.hidden(inputs)))

    model = Network3()
    with pytest.raises(ModelNotBuiltError, match=r"'network3' is subclassed .* no input shape"):
        take_model(model)
    expected = np.asarray(model(SAMPLES))
    np.testing.assert_allclose(take_model(model)(SAMPLES), expected, rtol=1e-5, atol=1e-6)


BODIES = {
    "branch": lambda value: value if tf.reduce_sum(value) > 0 else -value,
    "loop": lambda value: sum(row for row in value),
    "numpy": lambda value: np.maximum(value, 0),
    "value": lambda value: tf.constant(value.numpy()),
}


@pytest.mark.parametrize("body", BODIES)
def test_python_that_needs_values_is_refused_by_name(body):
    class Loop(tf_keras.Model):
        def call(self, inputs):
            return BODIES[body](inputs)

    model = Loop(name="looping")
    with pytest.raises(ModelNotBuiltError, match="'looping' is subclassed"):
        take_model(model)
    model(SAMPLES)
    with pytest.raises(ModelError, match=r"'looping' .*cannot be traced.*functional API"):
        take_model(model)


def test_an_untraceable_custom_layer_is_refused_by_name():
    class Chooser(layers.Layer):
        def call(self, inputs):
            return inputs if tf.reduce_sum(inputs) > 0 else -inputs

    features = tf_keras.Input((4,))
    model = tf_keras.Model(features, Chooser(name="chooser")(features))
    with pytest.raises(UnsupportedLayerError, match=r"'chooser' \(Chooser\).*cannot be traced"):
        take_model(model)
