"""A mask becomes a tensor of those that use it; one that nothing uses is dropped; other uses are refused by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tf_keras
from tf_keras import layers

from qat_kit.errors import UnsupportedLayerError
from qat_kit.prepare import prepare
from qat_kit.prepare.masks import carry_masks
from qat_kit.prepare.reading import read_graph
from tests.support.models import model_of
from tests.support.models_sequences import tokens_model
from tests.support.rewrites import kinds, rewritten

L = layers


def _table(tokens: Any, size: int = 9) -> Any:
    return L.Embedding(size, 4, mask_zero=True, name="table")(tokens)


def _started(tokens: Any) -> Any:
    start = L.Dense(3)(L.Flatten()(L.Embedding(9, 2)(tokens)))
    return L.GRU(3, return_sequences=True, return_state=True)(_table(tokens), initial_state=start)


USES: dict[str, Callable[[Any], Any]] = {
    "last step": lambda tokens: L.LSTM(3)(L.Dropout(0.1)(_table(tokens))),
    "every step": lambda tokens: L.SimpleRNN(3, return_sequences=True)(_table(tokens)),
    "every step, zeros": lambda tokens: L.SimpleRNN(3, return_sequences=True, zero_output_for_mask=True)(
        _table(tokens)
    ),
    "handed on by a recurrent layer": lambda tokens: L.GRU(2)(L.LSTM(3, return_sequences=True)(_table(tokens))),
    "initial state": _started,
    "cells, backwards": lambda tokens: L.RNN(
        [L.SimpleRNNCell(3), L.SimpleRNNCell(2), L.SimpleRNNCell(2)], go_backwards=True, return_sequences=True
    )(_table(tokens)),
    "both directions": lambda tokens: L.Bidirectional(L.SimpleRNN(3), merge_mode="sum")(_table(tokens)),
    "both directions, every step": lambda tokens: L.TimeDistributed(L.Dense(2))(
        L.Bidirectional(L.SimpleRNN(3, return_sequences=True))(_table(tokens))
    ),
    "positions added": lambda tokens: L.SimpleRNN(3)(L.Add()([_table(tokens), L.Embedding(9, 4)(tokens)])),
    "mean": lambda tokens: L.GlobalAveragePooling1D()(_table(tokens)),
    "mean that keeps its axis": lambda tokens: L.GlobalAveragePooling1D(keepdims=True)(_table(tokens)),
}


@pytest.mark.parametrize("name", USES)
def test_what_uses_a_mask_computes_the_same_with_steps_that_do_not_count(name: str) -> None:
    prepared = prepare(tokens_model(USES[name])).model
    assert {"NotEqual", "Select"} <= {type(layer).__name__ for layer in prepared.layers}


def test_the_proof_gives_steps_that_do_not_count() -> None:
    # With a table so large that random indices are never 0.
    model = tokens_model(lambda tokens: L.SimpleRNN(3)(_table(tokens, 100_000)))
    graph = read_graph(model)
    unmasked = graph.replaced({"table": (graph.nodes["table"].configured(mask_zero=False),)})
    with pytest.raises(AssertionError, match="changed the output"):
        _expect_same(model, unmasked)


def _expect_same(model: tf_keras.Model, graph: Any) -> None:
    try:
        rewritten(model, lambda before: graph)
    except Exception as error:
        raise AssertionError(str(error)) from error


def test_a_mean_of_no_step_is_zero() -> None:
    model = prepare(tokens_model(USES["mean"])).model
    assert not np.any(model(np.zeros((1, 6), np.int32)))


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_masking_before_a_recurrent_layer(value: float) -> None:
    prepared = prepare(model_of(lambda x: L.SimpleRNN(3)(L.Masking(value)(x)), (5, 4))).model
    assert "Positive" in {type(layer).__name__ for layer in prepared.layers}


def test_masking_changes_its_values() -> None:
    graph = rewritten(model_of(lambda x: L.Dense(2)(L.Masking(-1.0)(x)), (5, 4)), carry_masks)
    assert "Select" in kinds(graph)


def test_a_mask_that_nothing_uses_is_dropped() -> None:
    graph = rewritten(tokens_model(lambda tokens: L.Dense(2)(L.Flatten()(_table(tokens)))), carry_masks)
    assert kinds(graph) == ["InputLayer", "Embedding", "Flatten", "Dense"]
    assert kinds(rewritten(model_of(L.Masking(), (5, 4)), carry_masks)) == ["InputLayer", "Activation"]


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda tokens: L.Attention()([_table(tokens)] * 2), r"Attention with a mask.*'table' makes it"),
        # It looks for the masks of its inputs itself.
        (lambda tokens: (lambda x: L.MultiHeadAttention(1, 2)(x, x))(_table(tokens)), "MultiHeadAttention with a mask"),
        (
            lambda tokens: L.LSTM(3)(L.Add()([_table(tokens), L.Embedding(9, 4, mask_zero=True)(tokens)])),
            "Add of tensors with different masks",
        ),
    ],
)
def test_other_uses_are_refused_by_name(build: Callable[[Any], Any], words: str) -> None:
    with pytest.raises(UnsupportedLayerError, match=words):
        carry_masks(read_graph(tokens_model(build)))


def test_too_many_steps_for_a_mean() -> None:
    with pytest.raises(UnsupportedLayerError, match=r"300 steps.*255"):
        prepare(tokens_model(USES["mean"], (300,)))
