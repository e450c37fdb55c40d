"""Reading a model as a graph and building one from it: order, names, nesting, and what is refused by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from tf_keras import layers

from qat_kit.errors import ModelError, ModelNotBuiltError, UnsupportedLayerError
from qat_kit.prepare import prepare
from qat_kit.prepare.building import build_model
from qat_kit.prepare.graph import Operand
from qat_kit.prepare.reading import read_graph, require_functional
from qat_kit.prepare.refusals import refuse_remaining
from tests.support import models
from tests.support.models import IMAGE, SEQUENCE, chain, conv, model_of


def test_a_model_survives_the_way_through_a_graph() -> None:
    model = models.PATTERNS["densenet"]()
    rebuilt = build_model(read_graph(model))
    assert models.largest_difference(model, rebuilt) == 0.0
    assert [layer.name for layer in rebuilt.layers] == [layer.name for layer in model.layers]


def test_the_rebuilt_model_shares_nothing_with_the_first() -> None:
    model = model_of(conv(name="conv"))
    rebuilt = build_model(read_graph(model))
    before = rebuilt.get_layer("conv").kernel.numpy()
    model.get_layer("conv").kernel.assign(np.zeros_like(before))
    np.testing.assert_array_equal(rebuilt.get_layer("conv").kernel.numpy(), before)


@pytest.mark.parametrize("names", [("left", "right"), ("right", "left")])
def test_inputs_and_outputs_keep_the_order_of_the_model(names: tuple[str, str]) -> None:
    tensors = {name: tf_keras.Input(IMAGE, name=name) for name in ("left", "right")}
    difference = layers.Subtract(name="difference")([tensors["left"], tensors["right"]])
    outputs = [layers.ReLU(name="relu")(difference), difference]
    model = tf_keras.Model([tensors[name] for name in names], outputs)
    rebuilt = build_model(read_graph(model))
    assert rebuilt.input_names == list(names)
    assert rebuilt.output_names == ["relu", "difference"]
    assert models.largest_difference(model, rebuilt) == 0.0


def test_a_sequential_model_without_an_input_layer_of_its_own() -> None:
    model = models.randomized(tf_keras.Sequential([layers.Conv2D(3, 3, input_shape=IMAGE, name="conv")]))
    assert models.largest_difference(model, build_model(read_graph(model))) == 0.0


# -------------------------------------------------------------------------------------------- nesting


def nested_in_nested() -> tf_keras.Model:
    inner = tf_keras.Sequential([tf_keras.Input(IMAGE), conv(4, name="conv")], name="inner")
    outer = tf_keras.Sequential([tf_keras.Input(IMAGE), inner, conv(4, name="conv")], name="outer")
    image = tf_keras.Input(IMAGE, name="image")
    return models.randomized(tf_keras.Model(image, conv(4, name="conv")(outer(image))))


def test_nested_models_are_taken_apart() -> None:
    model = nested_in_nested()
    rebuilt = build_model(read_graph(model))
    assert models.largest_difference(model, rebuilt) == 0.0
    assert {layer.name for layer in rebuilt.layers} == {"image", "conv", "outer_conv", "inner_conv"}


def test_a_nested_layer_never_takes_the_name_of_another() -> None:
    part = tf_keras.Sequential([tf_keras.Input(IMAGE), conv(4, name="conv")], name="part")
    model = model_of(chain(conv(4, name="conv"), conv(4, name="part_conv"), part))
    rebuilt = build_model(read_graph(model))
    assert models.largest_difference(model, rebuilt) == 0.0
    assert [layer.name for layer in rebuilt.layers[1:]] == ["conv", "part_conv", "part_part_conv"]


def test_origins_of_a_nested_layer_are_its_own_name() -> None:
    graph = read_graph(nested_in_nested())
    assert graph.nodes["inner_conv"].origins == ("conv",)


def test_a_nested_model_of_two_inputs_gets_them_in_its_own_order() -> None:
    first, second = tf_keras.Input(IMAGE, name="first"), tf_keras.Input(IMAGE, name="second")
    inner = tf_keras.Model([second, first], layers.Subtract()([first, second]), name="inner")
    left, right = tf_keras.Input(IMAGE, name="left"), tf_keras.Input(IMAGE, name="right")
    model = tf_keras.Model([left, right], inner([left, right]))
    assert models.largest_difference(model, build_model(read_graph(model))) == 0.0


def test_a_frozen_base_that_is_called_in_inference_mode_is_taken() -> None:
    base = tf_keras.Sequential([tf_keras.Input(IMAGE), conv(4), layers.BatchNormalization()], name="base")
    model = model_of(lambda image: conv(2)(base(image, training=False)))
    assert models.largest_difference(model, build_model(read_graph(model))) == 0.0


# -------------------------------------------------------------------------------------------- calls


def test_a_layer_that_is_called_twice_becomes_two_nodes_with_its_weights() -> None:
    shared = conv(4, name="shared")
    model = model_of(lambda image: shared(shared(image)))
    graph = read_graph(model)
    assert tuple(graph.nodes) == ("image", "shared", "shared_call2")
    first, second = graph.nodes["shared"], graph.nodes["shared_call2"]
    assert (first.shares, second.shares) == ("shared", "shared")
    assert second.inputs == ("shared",)
    for one, other in zip(first.weights, second.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_nested_model_that_is_called_twice_shares_each_of_its_layers() -> None:
    graph = read_graph(siamese())
    assert {name: node.shares for name, node in graph.nodes.items() if node.kind in ("Conv2D", "Dense")} == {
        "encode": "encode",
        "encode_call2": "encode",
        "embed": "embed",
        "embed_call2": "embed",
    }


def test_a_rebuilt_model_shares_what_the_first_one_did() -> None:
    model = siamese()
    rebuilt = build_model(read_graph(model))
    assert models.largest_difference(model, rebuilt) == 0.0
    assert len(rebuilt.weights) == len(model.weights)
    assert tuple(read_graph(rebuilt).nodes) == tuple(read_graph(build_model(read_graph(rebuilt))).nodes)


def siamese() -> tf_keras.Model:
    encoder = tf_keras.Sequential(
        [tf_keras.Input(IMAGE), conv(4, name="encode"), layers.Flatten(), layers.Dense(3, name="embed")], name="encoder"
    )
    left, right = tf_keras.Input(IMAGE, name="left"), tf_keras.Input(IMAGE, name="right")
    output = layers.Subtract(name="difference")([encoder(left), encoder(right)])
    return models.randomized(tf_keras.Model([left, right], output, name="siamese"))


def test_further_outputs_of_a_layer_are_tensors_of_their_own() -> None:
    def build(value: Any) -> Any:
        _, hidden, cell = layers.LSTM(3, return_state=True, name="recurrent")(value)
        return layers.Subtract(name="difference")([cell, hidden])

    model = model_of(build, SEQUENCE)
    graph = read_graph(model)
    assert graph.nodes["difference"].inputs == ("recurrent:2", "recurrent:1")
    assert graph.shape_of("recurrent:2") == (None, 3)
    assert models.largest_difference(model, build_model(graph)) == 0.0


def test_what_a_call_takes_beside_its_inputs_is_kept_by_parameter() -> None:
    attention = layers.MultiHeadAttention(2, 4, name="attention")
    model = model_of(lambda x: attention(x, x, key=x, use_causal_mask=True), SEQUENCE)
    graph = read_graph(model)
    arguments = graph.nodes["attention"].arguments
    assert dict(arguments) == {
        "query": Operand(0), "value": Operand(0), "key": Operand(0), "use_causal_mask": True
    }  # fmt: skip
    assert models.largest_difference(model, build_model(graph)) == 0.0


@pytest.mark.parametrize(
    "operation",
    [
        lambda x: 2.0 - x,
        lambda x: x[:, 1:, ::2],
        lambda x: tf.concat([x, tf.nn.relu6(x)], axis=1),
        lambda x: tf.split(x, 2, axis=1)[1],
        lambda x: tf.reduce_mean(x, axis=-1, keepdims=True),
    ],
    ids=["constant first", "slice", "concat", "split", "mean"],
)
def test_operations_on_tensors_are_read_with_all_their_arguments(operation: Any) -> None:
    model = model_of(lambda image: conv(2)(operation(image)))
    assert models.largest_difference(model, build_model(read_graph(model))) == 0.0


def test_dict_inputs_keep_their_keys() -> None:
    left, right = tf_keras.Input(IMAGE, name="left"), tf_keras.Input(IMAGE, name="right")
    inner = tf_keras.Model({"b": left, "a": right}, layers.Subtract()([left, right]), name="inner")
    first, second = tf_keras.Input(IMAGE, name="first"), tf_keras.Input(IMAGE, name="second")
    model = tf_keras.Model([first, second], inner({"a": first, "b": second}))
    assert models.largest_difference(model, build_model(read_graph(model))) == 0.0


# -------------------------------------------------------------------------------------------- rewriting


def test_replaced_by_nothing_joins_producer_and_consumer() -> None:
    graph = read_graph(model_of(chain(conv(4, name="a"), layers.ReLU(name="b"), conv(4, name="c"))))
    shorter = graph.replaced({"b": ()})
    assert tuple(shorter.nodes) == ("image", "a", "c")
    assert shorter.nodes["c"].inputs == ("a",)


def test_replaced_output_is_the_last_of_the_chain() -> None:
    graph = read_graph(model_of(chain(conv(4, name="a"), layers.ReLU(name="b"))))
    assert graph.replaced({"b": ()}).outputs == ("a",)


def test_feeds_only_one_counts_the_model_itself() -> None:
    graph = read_graph(models.returned_and_consumed())
    assert graph.consumers("middle") == ("relu",)
    assert not graph.feeds_only_one("middle")
    assert graph.feeds_only_one("image")


# -------------------------------------------------------------------------------------------- refusals


class Subclassed(tf_keras.Model):
    def __init__(self) -> None:
        super().__init__(name="subclassed")
        self.dense = layers.Dense(2)

    def call(self, inputs: Any) -> Any:
        return self.dense(inputs)


class Scale(layers.Layer):
    """A layer without `get_config`."""

    def __init__(self, factor: float) -> None:
        super().__init__(name="scale")
        self.factor = factor

    def call(self, inputs: Any) -> Any:
        return inputs * self.factor


def test_an_unbuilt_model_is_refused() -> None:
    with pytest.raises(ModelNotBuiltError, match=r"'empty' has no input shape.*input_shape"):
        require_functional(tf_keras.Sequential([layers.Dense(2)], name="empty"))


def test_a_subclassed_model_is_refused() -> None:
    model = Subclassed()
    with pytest.raises(ModelNotBuiltError, match=r"subclassed"):
        require_functional(model)
    model(np.zeros((1, 3), np.float32))
    with pytest.raises(ModelError, match=r"'subclassed' is subclassed \(Subclassed\).*functional"):
        require_functional(model)


def test_a_subclassed_model_within_a_functional_one_is_taken_apart() -> None:
    model = model_of(lambda image: Subclassed()(layers.Flatten()(image)))
    rebuilt = build_model(read_graph(model))
    assert not any(isinstance(layer, Subclassed) for layer in rebuilt.layers)
    assert models.largest_difference(model, rebuilt) == 0.0


@pytest.mark.parametrize("thing", [None, "model.keras", np.zeros(3)], ids=["none", "path", "array"])
def test_what_is_no_model_is_refused(thing: object) -> None:
    with pytest.raises(ModelError, match=r"expected a model of tf_keras or Keras 3, received"):
        require_functional(thing)


def test_a_layer_of_several_outputs_is_refused() -> None:
    layer = layers.ConvLSTM2D(3, 2, return_state=True, name="recurrent")
    model = model_of(lambda value: layer(value)[0], (3, 6, 6, 2))
    with pytest.raises(UnsupportedLayerError, match=r"'recurrent'.*several tensors"):
        refuse_remaining(read_graph(model))


def test_a_call_with_arguments_of_its_own_is_refused() -> None:
    model = model_of(lambda image: layers.Dropout(0.5, name="always")(image, training=True))
    with pytest.raises(UnsupportedLayerError, match=r"'always'.*training=True"):
        prepare(model)


def test_a_call_with_a_tensor_that_no_rewrite_takes_is_refused() -> None:
    def build(x: Any) -> Any:
        mask = layers.Dense(12)(x)
        return layers.MultiHeadAttention(1, 2, name="attention")(x, x, attention_mask=mask)

    model = model_of(build, SEQUENCE)
    with pytest.raises(UnsupportedLayerError, match=r"'attention'"):
        prepare(model)


def test_a_custom_layer_without_a_configuration_is_taken_apart() -> None:
    model = model_of(Scale(2.0))
    rebuilt = build_model(read_graph(model))
    assert not any(isinstance(layer, Scale) for layer in rebuilt.layers)
    assert models.largest_difference(model, rebuilt) == 0.0


def test_a_layer_that_cannot_be_rebuilt_is_refused_by_name() -> None:
    graph = read_graph(model_of(conv(name="conv")))
    broken = graph.replaced({"conv": [graph.nodes["conv"].configured(filters="many")]})
    with pytest.raises(UnsupportedLayerError, match=r"'conv' \(Conv2D\).*cannot be rebuilt"):
        build_model(broken)
