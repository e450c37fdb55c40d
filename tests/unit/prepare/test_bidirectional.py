"""Both directions unrolled, and merged in every mode."""

from __future__ import annotations

import pytest
from tf_keras import layers

from qat_kit.prepare.bidirectional import unroll_bidirectional
from tests.support.models import model_of
from tests.support.rewrites import kinds, rewritten

L = layers

STEPS = (5, 4)


@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("mode", ["concat", "sum", "mul", "ave", None])
def test_every_merge_computes_the_same(mode: str | None, sequences: bool) -> None:
    layer = L.Bidirectional(L.LSTM(3, return_sequences=sequences, return_state=mode == "sum"), merge_mode=mode)
    assert "Bidirectional" not in kinds(rewritten(model_of(layer, STEPS), unroll_bidirectional))


def test_two_different_layers_compute_the_same() -> None:
    backward = L.GRU(2, return_sequences=True, go_backwards=True, use_bias=False)
    layer = L.Bidirectional(L.LSTM(3, return_sequences=True), backward_layer=backward)
    rewritten(model_of(layer, STEPS), unroll_bidirectional)
