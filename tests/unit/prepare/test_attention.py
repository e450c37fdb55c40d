"""Attention, EinsumDense and Dot taken apart: every argument of layer and call."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tf_keras

from qat_kit.errors import UnsupportedLayerError
from qat_kit.prepare import prepare
from qat_kit.prepare.einsum_dense import Equation, parse_equation
from tests.support.models import model_of
from tests.support.models_attention import PATTERNS

L = tf_keras.layers
SKIPPED_WORDS = ("norm", "average")


def same(model: tf_keras.Model) -> tf_keras.Model:
    prepared = prepare(model).model
    random = np.random.default_rng(3)
    feed = [random.normal(0.0, 1.0, (2, *tensor.shape[1:])).astype(np.float32) for tensor in model.inputs]
    feed = feed if len(feed) > 1 else feed[0]
    for before, after in zip(_listed(model(feed)), _listed(prepared(feed)), strict=True):
        np.testing.assert_allclose(after, before, atol=2e-5)
    return prepared


def _listed(outputs: Any) -> list[Any]:
    return outputs if isinstance(outputs, list) else [outputs]


@pytest.mark.parametrize("name", [name for name in PATTERNS if not any(word in name for word in SKIPPED_WORDS)])
def test_outputs_stay(name: str) -> None:
    left = {type(layer) for layer in same(PATTERNS[name]()).layers}
    assert not left & {L.MultiHeadAttention, L.Attention, L.AdditiveAttention, L.EinsumDense, L.Dot}


@pytest.mark.parametrize("kind", [L.Attention, L.AdditiveAttention])
def test_an_attention_that_is_causal_by_its_constructor(kind: type[tf_keras.layers.Layer]) -> None:
    model = model_of(lambda x: kind(causal=True)([L.Dense(4)(x), L.Dense(4)(x)]), (3, 5))
    assert "Masked" in {type(layer).__name__ for layer in same(model).layers}


def test_a_mask_hides() -> None:
    seen = model_of(lambda x: L.MultiHeadAttention(1, 4)(x, x), (3, 5))
    hidden = model_of(lambda x: L.MultiHeadAttention(1, 4)(x, x, use_causal_mask=True), (3, 5))
    values = np.random.default_rng(0).normal(size=(1, 3, 5)).astype(np.float32)
    assert np.abs(prepare(seen).model(values) - prepare(hidden).model(values)).max() > 1e-3


def test_dropout_is_kept_for_training() -> None:
    model = model_of(lambda x: L.MultiHeadAttention(1, 4, dropout=0.3)(x, x), (3, 5))
    dropouts = [layer for layer in prepare(model).model.layers if isinstance(layer, L.Dropout)]
    assert [layer.rate for layer in dropouts] == [0.3]


def test_what_is_refused() -> None:
    nothing = np.zeros((3, 3), bool)
    with pytest.raises(UnsupportedLayerError, match="hides everything"):
        prepare(model_of(lambda x: L.MultiHeadAttention(1, 4)(x, x, attention_mask=nothing), (3, 5)))
    steps = tf_keras.Input((3, 5))
    concatenating = tf_keras.Model(steps, L.Attention(score_mode="concat")([steps, steps]))
    with pytest.raises(UnsupportedLayerError, match="score_mode"):
        prepare(concatenating)
    with pytest.raises(UnsupportedLayerError, match="weights of its own for each place"):
        prepare(model_of(lambda x: L.EinsumDense("abc,bcd->abd", (3, 2))(x), (3, 5)))


def test_equations() -> None:
    assert parse_equation("ab...,bc->ac...", 4) == Equation(source="abAB", kernel="bc", output="acAB")
    assert parse_equation("abc,cde->adbe", 3).summed == "c"
    assert not parse_equation("abc,bcd->abd", 3).is_dense
