"""Convolutions with a group for each input channel."""

from __future__ import annotations

from typing import Any

import pytest
import tf_keras

from qat_kit.prepare.grouped import make_depthwise
from tests.support.models import chain, model_of
from tests.support.rewrites import kinds, rewritten

L = tf_keras.layers

IMAGE, SEQUENCE = (7, 8, 4), (9, 4)
DEPTHWISE = {
    "plain": (L.Conv2D, {"filters": 4, "kernel_size": (3, 2), "groups": 4, "name": "it"}, IMAGE),
    "multiplied": (L.Conv2D, {"filters": 12, "kernel_size": 3, "groups": 4, "padding": "same"}, IMAGE),
    "strides": (L.Conv2D, {"filters": 8, "kernel_size": 3, "groups": 4, "strides": 2, "use_bias": False}, IMAGE),
    "dilated": (L.Conv2D, {"filters": 4, "kernel_size": 2, "groups": 4, "dilation_rate": (3, 2)}, IMAGE),
    "activation": (L.Conv2D, {"filters": 4, "kernel_size": 2, "groups": 4, "activation": "tanh"}, IMAGE),
    "one dimension": (L.Conv1D, {"filters": 8, "kernel_size": 3, "groups": 4, "strides": 2}, SEQUENCE),
}
LEFT = {
    "fewer groups": (L.Conv2D, {"filters": 4, "kernel_size": 3, "groups": 2}, IMAGE),
    "strides of their own": (L.Conv2D, {"filters": 4, "kernel_size": 3, "groups": 4, "strides": (1, 2)}, IMAGE),
    "causal": (L.Conv1D, {"filters": 4, "kernel_size": 3, "groups": 4, "padding": "causal"}, SEQUENCE),
    "one channel": (L.Conv2D, {"filters": 4, "kernel_size": 3}, (6, 6, 1)),
}


@pytest.mark.parametrize(("kind", "arguments", "shape"), DEPTHWISE.values(), ids=DEPTHWISE)
def test_it_becomes_a_depthwise_one(kind: Any, arguments: dict[str, Any], shape: tuple[int, ...]) -> None:
    graph = rewritten(model_of(chain(kind(**arguments)), shape), make_depthwise)
    assert kinds(graph)[1:] == [f"Depthwise{kind.__name__}"]


@pytest.mark.parametrize(("kind", "arguments", "shape"), LEFT.values(), ids=LEFT)
def test_any_other_is_left(kind: Any, arguments: dict[str, Any], shape: tuple[int, ...]) -> None:
    graph = rewritten(model_of(chain(kind(**arguments)), shape), make_depthwise)
    assert kinds(graph)[1:] == [kind.__name__]


def test_what_training_holds_the_kernel_to_goes_with_it() -> None:
    layer = L.Conv2D(4, 3, groups=4, kernel_regularizer="l2", kernel_constraint="non_neg", trainable=False, name="it")
    config = make_depthwise_config(layer)
    assert config["depthwise_regularizer"]["class_name"] == "L2"
    assert config["depthwise_constraint"]["class_name"] == "NonNeg"
    assert config["trainable"] is False


def make_depthwise_config(layer: tf_keras.layers.Layer) -> Any:
    graph = rewritten(model_of(chain(layer), IMAGE), make_depthwise)
    return graph.nodes["it"].config
