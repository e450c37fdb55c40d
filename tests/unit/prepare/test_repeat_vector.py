"""RepeatVector is a join and a reshape."""

from __future__ import annotations

import pytest
from tf_keras import layers

from qat_kit.prepare.repeat_vector import repeat_by_joining
from tests.support.models import VECTOR, chain, model_of
from tests.support.rewrites import kinds, rewritten


@pytest.mark.parametrize(("count", "expected"), [(1, ["Reshape"]), (3, ["Concatenate", "Reshape"])])
def test_a_vector_is_joined_to_itself(count, expected) -> None:
    graph = rewritten(model_of(layers.RepeatVector(count, name="repeat"), VECTOR), repeat_by_joining)
    assert kinds(graph) == ["InputLayer", *expected]
    assert graph.nodes["repeat"].output_shape == (None, count, *VECTOR)


def test_two_behind_one_another_layer() -> None:
    model = model_of(chain(layers.RepeatVector(2), layers.Flatten(), layers.RepeatVector(3), layers.LSTM(2)), VECTOR)
    graph = rewritten(model, repeat_by_joining)
    assert kinds(graph).count("Concatenate") == 2
    assert "RepeatVector" not in kinds(graph)
