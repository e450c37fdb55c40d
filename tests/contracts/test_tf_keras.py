"""The private parts of tf_keras that we use: there is no public way to what they give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from tf_keras import layers

from tests.support import models
from tests.support.models import IMAGE, chain, conv, model_of


def test_a_functional_model_knows_its_nodes_by_depth() -> None:
    model = models.two_inputs()
    assert max(model._nodes_by_depth) > 0
    nodes = [node for depth in sorted(model._nodes_by_depth, reverse=True) for node in model._nodes_by_depth[depth]]
    assert [node.layer.name for node in nodes][-1] == "difference"
    last = nodes[-1]
    assert [tensor.node.layer.name for tensor in last.keras_inputs] == ["left", "right"]
    assert tuple(last.outputs.shape) == (None, 8, 8, 4)
    assert last.call_kwargs == {}
    assert len(last.call_args) == 1


def test_a_node_keeps_the_arguments_of_its_call() -> None:
    model = model_of(lambda image: layers.Dropout(0.5, name="dropout")(image, training=True))
    (node,) = model.get_layer("dropout").inbound_nodes
    assert node.call_kwargs == {"training": True}


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        (lambda x: x * 2.0, "TFOpLambda"),
        (lambda x: x + x, "TFOpLambda"),
        (tf.nn.relu, "TFOpLambda"),
        (lambda x: x[:, 1:], "SlicingOpLambda"),
    ],
)
def test_operations_on_tensors_have_these_classes(operation: object, kind: str) -> None:
    model = model_of(operation)
    assert type(model.layers[-1]).__name__ == kind


def test_only_functional_and_sequential_models_are_graph_networks() -> None:
    class Subclassed(tf_keras.Model):
        def call(self, inputs: object) -> object:
            return inputs

    assert model_of(conv())._is_graph_network
    assert tf_keras.Sequential([tf_keras.Input((3,)), layers.Dense(2)])._is_graph_network
    assert not getattr(Subclassed(), "_is_graph_network", False)


def test_random_layers_have_a_generator_whose_state_can_be_set() -> None:
    tf_keras.backend.experimental.enable_tf_random_generator()
    try:
        layer = layers.Dropout(0.5)
        source = layer._random_generator
        source._maybe_init()
        results = []
        for seed in (3, 3, 4):
            source._generator.reset_from_seed(seed)
            results.append(layer(np.ones((1, 64), np.float32), training=True).numpy())
        np.testing.assert_array_equal(results[0], results[1])
        assert (results[0] != results[2]).any()
    finally:
        tf_keras.backend.experimental.disable_tf_random_generator()


def test_flatten_layers_reaches_layers_within_layers() -> None:
    model = model_of(tf_keras.Sequential([tf_keras.Input(IMAGE), layers.Dropout(0.5, name="inner")]))
    assert "inner" in [layer.name for layer in model._flatten_layers()]


@pytest.mark.parametrize(("layer", "expected"), [(layers.Dropout(0.5), True), (layers.ReLU(), False)])
def test_a_layer_tells_whether_it_takes_training(layer: layers.Layer, expected: bool) -> None:
    assert layer._expects_training_arg is expected


@pytest.mark.parametrize(
    ("make", "attribute"), [(conv, "kernel"), (lambda: layers.DepthwiseConv2D(3), "depthwise_kernel")]
)
def test_a_kernel_stands_in_the_layers_dictionary_where_it_can_be_lent(make: object, attribute: str) -> None:
    layer = make()
    image = np.ones((1, *IMAGE), np.float32)
    layer(image)
    own = layer.__dict__[attribute]
    assert own is getattr(layer, attribute)
    weights = list(layer.weights)
    layer.__dict__[attribute] = tf.zeros_like(own)
    assert not np.any(layer.call(image))
    layer.__dict__[attribute] = own
    assert [weight is before for weight, before in zip(layer.weights, weights, strict=True)] == [True, True]


def test_a_model_reports_its_layers_in_topological_order() -> None:
    model = model_of(chain(conv(name="a"), layers.ReLU(name="b"), conv(name="c")))
    assert [layer.name for layer in model.layers] == ["image", "a", "b", "c"]


def test_activations_serialize_to_these_forms() -> None:
    """`prepare.activations` tells functions, layers and lambdas apart by them."""

    def custom(value: object) -> object:
        return value

    def form(activation: object) -> object:
        return layers.Dense(2, activation=activation).get_config()["activation"]

    assert form("relu") == form(tf.nn.relu) == "relu"
    assert form("linear") == form(None) == "linear"
    assert form(custom)["config"] == "custom"
    layer = form(layers.ReLU(6.0))
    assert layer["class_name"] == "ReLU"
    assert layer["config"]["max_value"] == 6.0
    with pytest.warns(UserWarning, match="lambda"):
        value = form(lambda value: value)
    assert "config" not in value or isinstance(value["config"], dict)
    assert value.get("class_name") is None


@pytest.mark.parametrize(
    ("kind", "shape"), [(tf_keras.layers.Conv1D, (2, 9, 8)), (tf_keras.layers.Conv2D, (2, 9, 7, 8))]
)
def test_a_grouped_convolution_is_compiled_and_need_not_be(kind: Any, shape: tuple[int, ...]) -> None:
    """Keras calls `_jit_compiled_convolution_op`, for gradients' sake; TensorFlow's kernel gives the same numbers."""
    layer = kind(16, 3, groups=4, padding="same", dtype="float64")
    values = np.random.default_rng(0).normal(size=shape)
    compiled = layer(values).numpy()
    called: list[object] = []

    def plain(inputs: Any, kernel: Any) -> Any:
        called.append(inputs)
        return layer.convolution_op(inputs, kernel)

    layer._jit_compiled_convolution_op = plain
    np.testing.assert_allclose(layer(values).numpy(), compiled, rtol=0, atol=1e-12)
    assert called
