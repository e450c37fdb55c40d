"""Unrolled, a recurrent layer computes what it did, with each of its arguments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import tf_keras
from tf_keras import layers

from qat_kit.errors import UnsupportedLayerError
from qat_kit.prepare.bidirectional import unroll_bidirectional
from qat_kit.prepare.recurrent import LAYERS, unroll_recurrent
from tests.support.models import model_of
from tests.support.rewrites import kinds, rewritten

L = layers

STEPS = (6, 4)


def _started(layer: layers.Layer, num_states: int) -> Callable[[Any], Any]:
    """A recurrent layer with initial states that the model computes."""

    def build(sequence: Any) -> Any:
        flat = L.Flatten()(sequence)
        return layer(sequence, initial_state=[L.Dense(layer.units)(flat) for _ in range(num_states)])

    return build


LAYERS_WITH_ARGUMENTS: dict[str, Callable[[], Any]] = {
    "lstm": lambda: L.LSTM(5),
    "lstm sequences": lambda: L.LSTM(5, return_sequences=True),
    "lstm states": lambda: L.LSTM(5, return_state=True),
    "lstm sequences and states": lambda: L.LSTM(5, return_state=True, return_sequences=True),
    "lstm backwards": lambda: L.LSTM(5, go_backwards=True, return_sequences=True),
    "lstm started": lambda: _started(L.LSTM(5, return_state=True), 2),
    "lstm without bias": lambda: L.LSTM(5, use_bias=False, unroll=True),
    "lstm activations": lambda: L.LSTM(5, activation="relu", recurrent_activation="hard_sigmoid"),
    "gru": lambda: L.GRU(5),
    "gru reset before": lambda: L.GRU(5, reset_after=False, return_sequences=True),
    "gru without bias": lambda: L.GRU(5, use_bias=False),
    "gru started": lambda: _started(L.GRU(5, return_state=True), 1),
    "gru reset before, started": lambda: _started(L.GRU(5, reset_after=False), 1),
    "simple": lambda: L.SimpleRNN(5),
    "simple linear": lambda: L.SimpleRNN(5, activation=None, return_sequences=True),
    "cell": lambda: L.RNN(L.LSTMCell(5), return_sequences=True),
    "stacked cells": lambda: L.RNN(
        [L.LSTMCell(5), L.GRUCell(3), L.SimpleRNNCell(4)], return_sequences=True, return_state=True, go_backwards=True
    ),
}

FRAMES: dict[str, tuple[Callable[[], Any], tuple[int, ...]]] = {
    "images": (lambda: L.ConvLSTM2D(2, (3, 2), strides=(1, 2), padding="same", dropout=0.1), (3, 6, 6, 2)),
    "images, every step": (lambda: L.ConvLSTM2D(2, 3, return_sequences=True, activation="relu"), (3, 6, 6, 2)),
    "rows, dilated, backwards": (
        lambda: L.ConvLSTM1D(2, 3, dilation_rate=2, use_bias=False, go_backwards=True, return_state=True),
        (3, 8, 2),
    ),
    "blocks": (lambda: L.ConvLSTM3D(1, 2, recurrent_activation="sigmoid"), (2, 3, 4, 3, 1)),
    "both directions": (lambda: L.Bidirectional(L.ConvLSTM2D(2, 2, return_sequences=True)), (3, 4, 4, 1)),
}


@pytest.mark.parametrize("name", FRAMES)
def test_an_unrolled_layer_of_images_computes_the_same(name: str) -> None:
    make, shape = FRAMES[name]
    graph = rewritten(model_of(make(), shape), lambda before: unroll_recurrent(unroll_bidirectional(before)))
    assert not any("LSTM" in kind for kind in kinds(graph))
    assert {len(node.config["kernel_size"]) for node in graph.nodes.values() if "kernel_size" in node.config} == {
        len(shape) - 2
    }


@pytest.mark.parametrize("name", LAYERS_WITH_ARGUMENTS)
def test_an_unrolled_layer_computes_the_same(name: str) -> None:
    graph = rewritten(model_of(LAYERS_WITH_ARGUMENTS[name](), STEPS), unroll_recurrent)
    assert not {kind.__name__ for kind in LAYERS} & set(kinds(graph))


def test_the_input_is_multiplied_once_and_the_state_by_one_shared_layer() -> None:
    graph = rewritten(model_of(L.LSTM(5), STEPS), unroll_recurrent)
    dense = [node for node in graph.nodes.values() if node.kind == "Dense"]
    assert Counter(node.shares is None for node in dense) == {True: 1, False: 5}
    assert len({node.shares for node in dense if node.shares}) == 1
    # The first step's states are zero: nothing is multiplied by them, and nothing forgotten.
    assert Counter(kinds(graph))["Multiply"] == 3 * 6 - 1


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (lambda: L.LSTM(3, time_major=True), "time_major"),
        (lambda: L.GRU(3, return_sequences=True), r"over 40 steps.*max_unrolled_steps=40"),
    ],
)
def test_what_cannot_be_unrolled_is_refused_by_name(layer: Callable[[], Any], message: str) -> None:
    model = model_of(layer(), (40, 4))
    with pytest.raises(UnsupportedLayerError, match=message):
        rewritten(model, unroll_recurrent)


def test_a_stateful_layer_is_refused_by_name() -> None:
    sequence = tf_keras.Input(batch_shape=(2, 5, 3))
    model = tf_keras.Model(sequence, L.LSTM(3, stateful=True, name="memory")(sequence))
    with pytest.raises(UnsupportedLayerError, match=r"'memory'.*stateful"):
        rewritten(model, unroll_recurrent)
