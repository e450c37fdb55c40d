"""Attention and root-mean-square normalization of Keras 3: carried over with every argument, and prepared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from qat_kit.errors import UnsupportedLayerError
from qat_kit.layers import RMSNormalization
from qat_kit.prepare import as_tf_keras, prepare
from tests.support.models import randomized

MASK = np.tril(np.ones((5, 5), bool)) | np.eye(5, k=2, dtype=bool)


def model_of(build: Callable[..., Any], *shapes: tuple[int, ...]) -> Any:
    inputs = [keras.Input(shape, name=f"input{index}") for index, shape in enumerate(shapes)]
    return randomized(keras.Model(inputs if len(inputs) > 1 else inputs[0], build(*inputs), name="net"))


def of_one(build: Callable[[Any], Any]) -> Callable[[], Any]:
    return lambda: model_of(build, (5, 6))


def cross(make: Callable[[], Any]) -> Callable[[], Any]:
    return lambda: model_of(lambda query, value, key: make()(query, value, key), (4, 6), (5, 3), (5, 8))


# Each with arguments that are not the default, so that a dropped one changes the output, its shape, or the weights.
PREPARED = {
    "heads": of_one(lambda x: layers.MultiHeadAttention(3, 2, use_bias=False)(x, x)),
    "sizes": cross(lambda: layers.MultiHeadAttention(2, 4, value_dim=3, output_shape=7)),
    "causal": of_one(lambda x: layers.MultiHeadAttention(2, 4)(x, x, use_causal_mask=True)),
    "mask": of_one(lambda x: layers.MultiHeadAttention(2, 4)(x, x, attention_mask=MASK)),
    "scores": of_one(lambda x: layers.MultiHeadAttention(2, 4)(x, x, return_attention_scores=True)),
    "dot": lambda: model_of(lambda *x: layers.Attention(use_scale=True)(list(x)), (4, 6), (5, 6)),
    "dot causal": of_one(lambda x: layers.Attention()([x, x * 2.0, x], use_causal_mask=True)),
    "dot scores": of_one(lambda x: layers.Attention()([x, x], return_attention_scores=True)),
    "additive": lambda: model_of(lambda *x: layers.AdditiveAttention()(list(x)), (4, 6), (5, 6)),
    "additive plain": of_one(lambda x: layers.AdditiveAttention(use_scale=False)([x, x])),
    "rms": of_one(lambda x: layers.RMSNormalization(epsilon=0.3)(x)),
    "rms axes": of_one(lambda x: layers.RMSNormalization(axis=(1, 2), epsilon=0.1)(x)),
}
CARRIED = {
    "attention axes": lambda: model_of(lambda x: layers.MultiHeadAttention(2, 4, attention_axes=(2,))(x, x), (3, 5, 6)),
    "concatenated": of_one(lambda x: layers.Attention(score_mode="concat")([x, x * 2.0])),
}


@pytest.mark.parametrize("make", (PREPARED | CARRIED).values(), ids=PREPARED | CARRIED)
def test_it_is_carried_over_with_all_its_arguments(make: Callable[[], Any]) -> None:
    model = make()
    assert_same(model, as_tf_keras(model))


@pytest.mark.parametrize("make", PREPARED.values(), ids=PREPARED)
def test_it_is_prepared(make: Callable[[], Any]) -> None:
    model = make()
    assert_same(model, prepare(model).model)


def assert_same(before: Any, after: Any) -> None:
    random = np.random.default_rng(5)
    feed = [random.normal(size=(4, *tensor.shape[1:])).astype(np.float32) for tensor in before.inputs]
    given = feed if len(feed) > 1 else feed[0]
    for old, new in zip(keras.tree.flatten(before(given)), keras.tree.flatten(after(given)), strict=True):
        np.testing.assert_allclose(np.asarray(new), np.asarray(old), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "build",
    [
        lambda x: layers.MultiHeadAttention(2, 4, dropout=0.3)(x, x),
        lambda x: layers.Attention(dropout=0.3)([x, x]),
        lambda x: layers.AdditiveAttention(dropout=0.3)([x, x]),
    ],
    ids=["heads", "dot", "additive"],
)
def test_dropout_is_kept_for_training(build: Callable[[Any], Any]) -> None:
    prepared = prepare(model_of(build, (5, 6))).model
    assert [kept.rate for kept in prepared.layers if type(kept).__name__ == "Dropout"] == [0.3]


def test_epsilon_and_axes_go_to_a_layer_of_our_own() -> None:
    layer = as_tf_keras(PREPARED["rms axes"]()).layers[-1]
    assert isinstance(layer, RMSNormalization)
    assert (layer.axis, layer.epsilon) == ([1, 2], 0.1)


@pytest.mark.parametrize("argument", ["sliding_window", "use_gate"])
def test_what_tf_keras_has_not_is_refused_by_name(argument: str) -> None:
    with pytest.raises(UnsupportedLayerError, match=rf"'it' .*{argument}="):
        as_tf_keras(model_of(lambda x: layers.MultiHeadAttention(2, 4, name="it", **{argument: 2})(x, x), (5, 6)))
