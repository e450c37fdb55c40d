"""What comes into the place of a layer: its names, shapes, and what it takes over from the layer."""

from __future__ import annotations

import numpy as np
import pytest
import tf_keras

from qat_kit.errors import UnsupportedLayerError
from qat_kit.prepare import prepare
from qat_kit.prepare.decomposition import Decomposition
from qat_kit.prepare.reading import read_graph

L = tf_keras.layers


def parts_of(layer: tf_keras.layers.Layer, shape: tuple[int | None, ...] = (4, 6)) -> Decomposition:
    steps = tf_keras.Input(shape, name="steps")
    graph = read_graph(tf_keras.Model(steps, layer(steps)))
    return Decomposition(graph, graph.nodes[layer.name])


def test_the_last_part_that_makes_the_output_has_the_layers_name() -> None:
    parts = parts_of(L.Dense(6, name="layer"))
    first = parts.permute("steps", 0, 2, 1)
    graph = parts.replaced(parts.permute(first, 0, 2, 1))
    assert list(graph.nodes) == ["steps", "layer_permute", "layer"]
    assert graph.outputs == ("layer",)
    assert graph.nodes["layer"].output_shape == (None, 4, 6)


def test_an_output_that_is_not_the_last_part_keeps_its_own_name() -> None:
    parts = parts_of(L.Dense(6, name="layer"))
    whole = parts.join(["steps", "steps"])
    parts.slice(whole, 0, 6)
    graph = parts.replaced(parts.slice(whole, 6, 12, part="kept"))
    assert graph.outputs == ("layer",)
    parts = parts_of(L.Dense(6, name="layer"))
    first = parts.slice("steps", 0, 6)
    parts.slice("steps", 1, 4, axis=1, step=2, part="unread")
    assert parts.nodes["layer_unread"].output_shape == (None, 2, 6)
    assert parts.replaced(first).outputs == ("layer_slice",)


def test_what_changes_nothing_adds_nothing() -> None:
    parts = parts_of(L.Dense(6, name="layer"))
    assert parts.affine("steps", 1.0, 0.0) == parts.reshape("steps", 4, 6) == parts.join(["steps"]) == "steps"
    assert parts.permute("steps", 0, 1, 2) == "steps"
    assert not parts.nodes


def test_a_size_that_is_not_known_is_refused_by_its_axis() -> None:
    with pytest.raises(UnsupportedLayerError, match=r"'layer' .*axis 1 of \[None, None, 6\] must be known"):
        parts_of(L.Dense(6, name="layer"), (None, 6)).sizes("steps")


@pytest.mark.parametrize("kind", [L.LSTM, L.LayerNormalization, L.SeparableConv1D])
def test_a_frozen_layer_stays_frozen(kind: type[tf_keras.layers.Layer]) -> None:
    arguments = {L.LSTM: (3,), L.LayerNormalization: (), L.SeparableConv1D: (3, 2)}[kind]
    steps = tf_keras.Input((4, 6))
    layer = kind(*arguments, trainable=False)
    prepared = prepare(tf_keras.Model(steps, layer(steps))).model
    assert prepared.weights
    assert not prepared.trainable_weights


def test_equal_kernels_of_one_shared_layer_stay_two() -> None:
    """Query and key of equal weights are two kernels, each of them shared by both calls."""
    left, right = tf_keras.Input((4, 6)), tf_keras.Input((4, 6))
    attention = L.MultiHeadAttention(1, 1, name="attention")
    model = tf_keras.Model([left, right], [attention(left, left), attention(right, right)])
    for weight in model.weights:
        weight.assign(np.ones(weight.shape))
    prepared = prepare(model).model
    assert sum(isinstance(layer, L.Dense) for layer in prepared.layers) == 4
