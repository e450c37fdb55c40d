"""The layer within, on all steps at once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import tf_keras
from tf_keras import layers

from qat_kit.prepare.time_distributed import spread_time_distributed
from tests.support.models import model_of
from tests.support.rewrites import kinds, rewritten

L = layers


def _frames() -> tf_keras.Model:
    return tf_keras.Sequential([tf_keras.Input((8, 8, 2)), L.Conv2D(3, 3, activation="relu"), L.Flatten(), L.Dense(4)])


INNER: dict[str, tuple[Callable[[], layers.Layer], tuple[int, ...]]] = {
    "dense": (lambda: L.Dense(3, activation="relu"), (5, 4)),
    "batch norm": (L.BatchNormalization, (5, 4)),
    "conv": (lambda: L.Conv2D(3, 3), (3, 8, 8, 2)),
    "model": (_frames, (3, 8, 8, 2)),
    "itself": (lambda: L.TimeDistributed(L.Conv1D(3, 2)), (3, 2, 5, 2)),
    "recurrent": (lambda: L.LSTM(3), (3, 4, 5)),
    "flatten": (L.Flatten, (3, 4, 5)),
    "pool": (L.GlobalAveragePooling2D, (3, 4, 5, 2)),
}


@pytest.mark.parametrize("name", INNER)
def test_it_computes_the_same(name: str) -> None:
    inner, shape = INNER[name]
    graph = rewritten(model_of(L.TimeDistributed(inner()), shape), spread_time_distributed)
    assert "TimeDistributed" not in kinds(graph)


def test_a_dense_layer_needs_no_reshape() -> None:
    graph = rewritten(model_of(L.TimeDistributed(L.Dense(3)), (5, 4)), spread_time_distributed)
    assert kinds(graph) == ["InputLayer", "Dense"]
