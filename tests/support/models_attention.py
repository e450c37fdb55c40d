"""Normalization, attention and products of tensors: small Keras models, one pattern each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tf_keras

from qat_kit.layers import RMSNormalization
from tests.support.models import chain, conv, model_of, randomized

L = tf_keras.layers

WIDE, SEQUENCE, IMAGE, VECTOR = (6, 80), (6, 16), (4, 4, 8), (24,)


def _chain(make: Callable[[], list[Any]], shape: tuple[int, ...] = SEQUENCE) -> Callable[[], tf_keras.Model]:
    return lambda: model_of(chain(*make()), shape)


def _functional(build: Callable[[Any], Any], shape: tuple[int, ...] = SEQUENCE) -> Callable[[], tf_keras.Model]:
    return lambda: model_of(build, shape)


def cross_attention() -> tf_keras.Model:
    """Queries, values and keys of three inputs, with sizes of their own."""
    query, value, key = (
        tf_keras.Input(shape, name=name) for name, shape in (("image", (5, 6)), ("values", (7, 10)), ("keys", (7, 12)))
    )
    attended = L.MultiHeadAttention(2, 4, value_dim=3, output_shape=9, use_bias=False, name="attention")(
        query, value, key=key
    )
    return randomized(tf_keras.Model([query, value, key], attended, name="pattern"))


def with_scores() -> tf_keras.Model:
    """The attention weights are an output of the model, too."""
    steps = tf_keras.Input(SEQUENCE, name="image")
    attended, scores = L.MultiHeadAttention(2, 8, dropout=0.2, name="attention")(
        steps, steps, return_attention_scores=True
    )
    outputs = [L.Dense(3, name="logits")(attended), L.Flatten(name="weights")(scores)]
    return randomized(tf_keras.Model(steps, outputs, name="pattern"))


def scaled_attention() -> tf_keras.Model:
    steps = tf_keras.Input(SEQUENCE, name="image")
    query, value = (
        L.Dense(8, kernel_initializer=tf_keras.initializers.GlorotUniform(seed=seed), name=name)(steps)
        for seed, name in ((1, "query"), (2, "value"))
    )
    layer = L.Attention(use_scale=True, name="attention")
    model = tf_keras.Model(steps, layer([query, value]), name="pattern")
    layer.scale.assign(0.7)
    return model


def transformer_block(steps: Any) -> Any:
    inner = L.LayerNormalization(name="norm1")(steps)
    attended = L.MultiHeadAttention(2, 8, name="attention")(inner, inner)
    steps = L.Add(name="sum1")([steps, attended])
    inner = L.LayerNormalization(name="norm2")(steps)
    inner = L.Dense(16, name="contract")(L.Dense(32, activation="gelu", name="expand")(inner))
    return L.Add(name="sum2")([steps, inner])


def dots(axes: Any, left: tuple[int, ...], right: tuple[int, ...], **arguments: Any) -> Callable[[], tf_keras.Model]:
    def make() -> tf_keras.Model:
        first, second = tf_keras.Input(left, name="image"), tf_keras.Input(right, name="other")
        product = L.Dot(axes, name="dot", **arguments)([first, second])
        return tf_keras.Model([first, second], product, name="pattern")

    return make


MASK = np.array([[1, 1, 0, 1, 0, 1], *[[1, 0, 1, 1, 1, 1]] * 5], bool)

PATTERNS: dict[str, Callable[[], tf_keras.Model]] = {
    "layer_norm": _chain(lambda: [L.LayerNormalization(), L.Dense(5)]),
    "layer_norm_alone": _chain(lambda: [L.LayerNormalization(epsilon=1e-2)]),
    "layer_norm_wide": _chain(lambda: [L.LayerNormalization(), L.Dense(5)], WIDE),
    "layer_norm_of_dense": _chain(lambda: [L.Dense(80), L.LayerNormalization(), L.Dense(5)]),
    "layer_norm_of_vector": _chain(lambda: [L.LayerNormalization(center=False), L.Dense(5)], VECTOR),
    "layer_norm_two_axes": _chain(lambda: [L.LayerNormalization(axis=[1, 2], scale=False)]),
    "layer_norm_first_axis": _chain(lambda: [L.LayerNormalization(axis=1)]),
    "layer_norm_image": _chain(lambda: [conv(80), L.LayerNormalization(), conv(4, 1)], IMAGE),
    "rms_norm": _chain(lambda: [RMSNormalization(), L.Dense(5)]),
    "rms_norm_wide": _chain(lambda: [RMSNormalization(epsilon=1e-3), L.Dense(5)], WIDE),
    "group_norm": _chain(lambda: [conv(8), L.GroupNormalization(2), L.ReLU(), conv(4)], IMAGE),
    "group_norm_wide": _chain(lambda: [conv(8), L.GroupNormalization(1), conv(4)], (6, 6, 4)),
    "instance_norm": _chain(lambda: [L.GroupNormalization(-1, center=False)], IMAGE),
    "unit_norm": _chain(lambda: [L.Dense(16), L.UnitNormalization()]),
    "unit_norm_first_axis": _chain(lambda: [L.UnitNormalization(axis=1)]),
    "self_attention": _functional(lambda x: L.MultiHeadAttention(2, 8)(x, x)),
    "causal_attention": _functional(lambda x: L.MultiHeadAttention(2, 8)(x, x, use_causal_mask=True)),
    "masked_attention": _functional(lambda x: L.MultiHeadAttention(2, 8)(x, x, attention_mask=MASK)),
    "cross_attention": cross_attention,
    "attention_with_scores": with_scores,
    "attention": scaled_attention,
    "causal_dot_attention": _functional(lambda x: L.Attention()([L.Dense(8)(x), L.Dense(8)(x)], use_causal_mask=True)),
    "additive_attention": _functional(lambda x: L.AdditiveAttention()([L.Dense(8)(x), L.Dense(8)(x)])),
    "transformer_block": _functional(transformer_block),
    "einsum_dense": _chain(lambda: [L.EinsumDense("abc,cd->abd", (None, 7), bias_axes="d", activation="relu")]),
    "einsum_dense_heads": _chain(lambda: [L.EinsumDense("abc,cde->adbe", (2, 6, 5), bias_axes="de")]),
    "einsum_dense_mixing": _chain(lambda: [L.EinsumDense("abc,bd->adc", (4, 16))]),
    "einsum_dense_ellipsis": _chain(lambda: [L.EinsumDense("...x,xy->...y", 5, bias_axes="y")], IMAGE),
    "dot_vectors": dots(1, VECTOR, VECTOR),
    "dot_cosine": dots(1, VECTOR, VECTOR, normalize=True),
    "dot_matrices": dots((1, 2), (6, 5), (4, 6)),
    "dot_matrices_last": dots((2, 1), (5, 6), (6, 3)),
    "dot_matrix_vector": dots((2, 1), (5, 6), (6,)),
    "average": _functional(lambda x: L.Dense(4)(L.Average()([x, L.Dense(16)(x), L.Dense(16)(x)]))),
}

# Variants of a pattern that stays among the fast ones.
SLOW = frozenset(
    {
        *("layer_norm_alone", "layer_norm_of_vector", "layer_norm_first_axis", "layer_norm_image", "rms_norm"),
        *("group_norm_wide", "unit_norm_first_axis", "causal_attention", "causal_dot_attention", "cross_attention"),
        *("einsum_dense_mixing", "einsum_dense_ellipsis", "dot_vectors", "dot_matrices_last", "dot_matrix_vector"),
    }
)

# (LSB, share of outputs) that may differ: measured on all kernel sets and rounded up.
LOOSER: dict[str, tuple[int, float]] = {
    # MEAN divides codes by small whole numbers, so ties are frequent, and kernel sets round them otherwise than
    # TensorFlow; the division by the deviations' root and gamma multiply that step by up to 4.
    "layer_norm": (2, 0.14),
    "layer_norm_alone": (3, 0.08),
    "layer_norm_two_axes": (2, 0.04),
    "layer_norm_image": (2, 0.18),
    "group_norm": (4, 0.16),
    "instance_norm": (3, 0.08),
    "average": (1, 0.04),
    # A step of RSQRT's output moves a whole row of values, most of them by less than a step.
    "layer_norm_wide": (1, 0.08),
    "layer_norm_of_dense": (1, 0.08),
    "rms_norm_wide": (1, 0.04),
    "group_norm_wide": (1, 0.14),
    # L2_NORMALIZATION multiplies a step of the dense layer before it by 128 × its scale / the row's length.
    "unit_norm": (2, 0.02),
    # A step of a score multiplies its weight by exp(scale); a weight's step moves every value that is combined by it.
    "self_attention": (1, 0.1),
    "causal_attention": (2, 0.04),
    "masked_attention": (2, 0.06),
    "cross_attention": (2, 0.12),
    "attention_with_scores": (4, 0.26),
    "attention": (2, 0.04),
    "causal_dot_attention": (3, 0.06),
    "additive_attention": (3, 0.1),
    # Two layer norms, attention and GELU behind one another.
    "transformer_block": (2, 0.4),
}
