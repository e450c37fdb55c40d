"""Models of Keras 3 by their form: dicts, nested models, custom layers, subclassed models with several inputs."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers, ops

from qat_kit.errors import ModelError, ModelNotBuiltError, UnsupportedLayerError
from qat_kit.prepare import as_tf_keras, prepare, take_model
from tests.unit.prepare.test_keras3 import randomize
from tests.unit.prepare.test_keras3_wrappers import assert_equal

SAMPLES = np.random.default_rng(3).normal(size=(5, 4)).astype(np.float32)
PAIR = {"left": SAMPLES, "right": 2.0 * SAMPLES[:, :3]}


class Scaled(layers.Layer):
    """A custom layer with a weight of its own, layers within, and several arguments."""

    def __init__(self, units, **options):
        super().__init__(**options)
        self.dense = layers.Dense(units)

    def build(self, first_shape, second_shape=None):
        self.factor = self.add_weight(shape=(self.dense.units,), name="factor")

    def call(self, first, second, training=None):
        if training:
            first = first + 100.0
        return self.factor * self.dense(first) - second


def test_inputs_and_outputs_of_a_dict_keep_names_and_order():
    right, left = keras.Input((3,), name="right"), keras.Input((4,), name="left")
    sums = {"scores": layers.Dense(2, name="a")(left), "boxes": layers.Dense(3, name="z")(right)}
    model = randomize(keras.Model({"right": right, "left": left}, sums))
    carried = as_tf_keras(model)
    assert (carried.input_names, carried.output_names) == (["left", "right"], ["boxes", "scores"])
    expected = model(PAIR)
    boxes, scores = carried([PAIR["left"], PAIR["right"]])
    np.testing.assert_allclose(boxes, expected["boxes"], rtol=1e-5)
    np.testing.assert_allclose(scores, expected["scores"], rtol=1e-5)
    assert prepare(model).model.output_names == ["boxes", "scores"]


@pytest.mark.parametrize("as_dict", [True, False])
def test_a_nested_model_takes_its_dict_by_name(as_dict):
    inner_inputs = {name: keras.Input((4,), name=name) for name in ("second", "first")}
    difference = layers.Subtract()([inner_inputs["first"], layers.Dense(4)(inner_inputs["second"])])
    taken = inner_inputs if as_dict else [inner_inputs["second"], inner_inputs["first"]]
    inner = keras.Model(taken, difference, name="inner")
    outer = keras.Input((4,), name="outer")
    model = randomize(keras.Model(outer, inner({"first": outer, "second": 3.0 * outer})))
    assert_equal(model, as_tf_keras(model), SAMPLES)


def test_an_input_and_an_output_of_one_name_are_refused():
    image = keras.Input((4,), name="image")
    with pytest.raises(ModelError, match="an input and an output are called 'image'"):
        as_tf_keras(keras.Model(image, {"image": layers.Dense(4, name="decoded")(image)}))


def test_a_custom_layer_of_several_arguments_is_traced():
    features = keras.Input((4,), name="features")
    value = Scaled(4, name="scaled")(features, second=layers.Dense(4, name="other")(features))
    model = randomize(keras.Model(features, layers.ReLU(name="relu")(value)))
    assert_equal(model, take_model(model), SAMPLES)
    assert_equal(model, prepare(model).model, SAMPLES)


def test_a_lambda_is_traced():
    features = keras.Input((4,), name="features")
    model = randomize(keras.Model(features, layers.Lambda(lambda x: ops.relu(x) * 0.1)(layers.Dense(3)(features))))
    assert_equal(model, as_tf_keras(model), SAMPLES)


class Two(keras.Model):
    def __init__(self, **options):
        super().__init__(**options)
        self.left, self.right = layers.Dense(2, name="left_dense"), layers.Dense(2, name="right_dense")

    def call(self, inputs):
        left, right = (inputs["left"], inputs["right"]) if isinstance(inputs, dict) else inputs
        return {"sum": self.left(left) + self.right(right), "left_part": self.left(left)}


@pytest.mark.parametrize("feed", [PAIR, [PAIR["left"], PAIR["right"]]], ids=["dict", "list"])
def test_a_subclassed_model_of_several_inputs(feed):
    model = Two()
    model(feed)
    randomize(model)
    expected = model(feed)
    carried = take_model(model)
    assert carried.output_names == ["left_part", "sum"]
    assert isinstance(feed, list) or carried.input_names == ["left", "right"]
    for name, output in zip(carried.output_names, carried([PAIR["left"], PAIR["right"]]), strict=True):
        np.testing.assert_allclose(output, expected[name], rtol=1e-5)


def test_a_subclassed_model_within_a_functional_one():
    left, right = keras.Input((4,), name="left"), keras.Input((3,), name="right")
    model = randomize(keras.Model([left, right], Two(name="two")([left, right])["sum"]))
    assert_equal(model, take_model(model), [PAIR["left"], PAIR["right"]])


def test_python_that_needs_values_is_refused_by_name():
    class Loop(layers.Layer):
        def call(self, inputs):
            return inputs if float(ops.sum(inputs)) > 0 else -inputs

        def compute_output_shape(self, shape):
            return shape

    class Steps(keras.Model):
        def call(self, inputs):
            return inputs * float(np.asarray(inputs).sum())

    features = keras.Input((4,))
    with pytest.raises((UnsupportedLayerError, TypeError, ValueError)):
        take_model(keras.Model(features, Loop(name="loop")(features)))
    model = Steps(name="steps")
    with pytest.raises(ModelNotBuiltError, match=r"'steps' is subclassed .* call it on one tensor, list or dict"):
        take_model(model)
    model(SAMPLES)
    with pytest.raises(ModelError, match=r"'steps' .*cannot be traced"):
        take_model(model)


def test_a_difference_is_found_in_float64_and_named(monkeypatch):
    features = keras.Input((4,), name="features")
    hidden = layers.Dense(3, name="hidden")(features)
    model = randomize(keras.Model(features, layers.LeakyReLU(negative_slope=0.3, name="leaky")(hidden)))
    kernel = model.get_layer("hidden").kernel
    before = kernel.numpy()
    as_tf_keras(model)
    np.testing.assert_array_equal(kernel.numpy(), before)
    assert model.get_layer("hidden").compute_dtype == "float32"
    from qat_kit.prepare import keras3_layers

    # A slope that is off by what float32 hardly shows.
    monkeypatch.setitem(keras3_layers._RENAMED, "LeakyReLU", {})
    with pytest.raises((ModelError, UnsupportedLayerError), match="leaky"):
        as_tf_keras(model)
