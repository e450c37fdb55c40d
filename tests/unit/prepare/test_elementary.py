"""Activation functions and ReLUs: exact, in the operators that LiteRT has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from qat_kit.errors import UnsupportedLayerError
from qat_kit.layers import Elementwise, PerChannelAffine, Saturated
from qat_kit.prepare import prepare
from qat_kit.prepare.hard_swish import join_hard_swish
from qat_kit.prepare.reading import read_graph
from qat_kit.prepare.relu import replace_relu
from tests.support.models import chain, conv, model_of
from tests.support.models_activations import PATTERNS
from tests.support.rewrites import kinds, rewritten

L = tf_keras.layers


@pytest.mark.parametrize("name", PATTERNS)
def test_outputs_stay(name: str) -> None:
    model = PATTERNS[name]()
    values = np.random.default_rng(0).normal(0.0, 3.0, (2, 8, 8, 4)).astype(np.float32)
    np.testing.assert_allclose(prepare(model).model(values), model(values), rtol=1e-4, atol=2e-5)


def test_a_maximum_other_than_six_is_a_range() -> None:
    layers = prepare(model_of(chain(conv(4), L.ReLU(max_value=1.5)))).model.layers
    assert isinstance(layers[-1], Saturated)
    assert layers[-1].maximum == 1.5


def test_a_factor_passes_a_relu_backwards() -> None:
    model = model_of(chain(conv(4), L.ReLU(6.0), L.Rescaling(0.5)))
    layers = prepare(model).model.layers
    assert [type(layer) for layer in layers[1:3]] == [L.Conv2D, Saturated]
    assert layers[2].maximum == 3.0


@pytest.mark.parametrize(
    "make",
    [
        lambda: L.ReLU(threshold=0.5),
        lambda: L.ReLU(threshold=0.3, max_value=0.7),
        lambda: L.ReLU(threshold=0.7, max_value=0.3),
        lambda: L.ThresholdedReLU(0.5),
        lambda: L.ThresholdedReLU(0.0),
    ],
)
def test_a_jump_is_a_choice(make: Callable[[], tf_keras.layers.Layer]) -> None:
    graph = rewritten(model_of(make(), (4, 4, 1)), replace_relu)
    assert {"Positive", "Select"} <= set(kinds(graph))


@pytest.mark.parametrize("layer", [L.ReLU(threshold=0.5), L.ThresholdedReLU(0.5)])
def test_the_threshold_itself_is_below(layer: tf_keras.layers.Layer) -> None:
    values = tf.constant([[0.5], [np.nextafter(np.float32(0.5), np.float32(1))]])
    model = model_of(layer, (1,))
    assert model(values)[0] == 0 < model(values)[1]
    np.testing.assert_array_equal(prepare(model).model(values), model(values))


def test_a_slope_beside_a_threshold_is_refused() -> None:
    with pytest.raises(UnsupportedLayerError, match=r"negative_slope=0\.1\d*, threshold=0\.5"):
        prepare(model_of(chain(conv(4), L.ReLU(threshold=0.5, negative_slope=0.1))))


@pytest.mark.parametrize(("offset", "joined"), [(3.0, True), (2.0, False)])
def test_hard_swish_in_parts(offset: float, joined: bool) -> None:
    image = tf_keras.Input((2, 2, 3), name="image")
    moved, scaled = PerChannelAffine(name="moved"), PerChannelAffine(name="scaled")
    product = L.Multiply(name="product")([image, scaled(L.ReLU(6.0, name="relu")(moved(image)))])
    graph = read_graph(tf_keras.Model(image, product))
    changes = {"moved": (np.ones(3), np.full(3, offset)), "scaled": (np.full(3, 1 / 6), np.zeros(3))}
    graph = graph.replaced({name: (replace(graph.nodes[name], weights=value),) for name, value in changes.items()})
    after = join_hard_swish(graph)
    assert (after.nodes["product"].layer_class is Elementwise) == joined
    assert (list(after.nodes) == ["image", "product"]) == joined
