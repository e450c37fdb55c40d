"""Attention, recurrent layers, embeddings."""

from __future__ import annotations

from typing import Any

from tf_keras import layers

from tests.support.layer_zoo.row import of_input, of_tokens, rows, sequential
from tests.support.models import SEQUENCE

L = layers

SHORT = (6, 4)


def _positional(tokens: Any) -> Any:
    return L.Dense(3)(L.Add()([L.Embedding(16, 6)(tokens), L.Embedding(16, 6)(tokens)]))


ATTENTION = rows(
    "attention",
    {
        "self_attention": (
            "two heads over one sequence",
            of_input(lambda x: L.MultiHeadAttention(2, 4)(x, x), SEQUENCE),
        ),
        "self_attention_causal": (
            "each step sees the steps before it",
            of_input(lambda x: L.MultiHeadAttention(2, 4)(x, x, use_causal_mask=True), SEQUENCE),
        ),
        "cross_attention": (
            "a query from elsewhere than the keys",
            of_input(lambda x: L.MultiHeadAttention(2, 4, value_dim=3)(L.Dense(4)(x), L.Conv1D(4, 3)(x)), SEQUENCE),
        ),
        "attention": ("the layer Attention", of_input(lambda x: L.Attention()([L.Dense(4)(x), x]), SEQUENCE)),
        "additive_attention": (
            "the layer AdditiveAttention",
            of_input(lambda x: L.AdditiveAttention()([L.Dense(4)(x), x]), SEQUENCE),
        ),
        "einsum_dense": (
            "a dense layer as an einsum",
            sequential(lambda: [L.EinsumDense("abc,cd->abd", (None, 5), bias_axes="d")], SEQUENCE),
        ),
    },
)
RECURRENT = rows(
    "recurrent",
    {
        "lstm": ("an LSTM's last step", sequential(lambda: [L.LSTM(5), L.Dense(3)], SHORT)),
        "lstm_sequence": ("an LSTM's every step", sequential(lambda: [L.LSTM(5, return_sequences=True)], SHORT)),
        "lstm_states": ("an LSTM that gives its states", of_input(lambda x: L.LSTM(5, return_state=True)(x), SHORT)),
        "gru": ("a GRU's last step", sequential(lambda: [L.GRU(5), L.Dense(3)], SHORT)),
        "gru_reset_before": ("a GRU of the older kind", sequential(lambda: [L.GRU(5, reset_after=False)], SHORT)),
        "simple_rnn": ("a SimpleRNN", sequential(lambda: [L.SimpleRNN(5), L.Dense(3)], SHORT)),
        "bidirectional_lstm": ("both directions, joined", sequential(lambda: [L.Bidirectional(L.LSTM(4))], SHORT)),
        "bidirectional_gru_sum": (
            "both directions, added",
            sequential(lambda: [L.Bidirectional(L.GRU(4, return_sequences=True), merge_mode="sum")], SHORT),
        ),
        "lstm_long": ("100 steps, too many to unroll", sequential(lambda: [L.LSTM(4)], (100, 4))),
        "time_distributed_dense": ("a dense layer a step", sequential(lambda: [L.TimeDistributed(L.Dense(3))], SHORT)),
        "time_distributed_conv": (
            "a convolution a frame",
            sequential(lambda: [L.TimeDistributed(L.Conv2D(3, 3))], (4, 6, 6, 2)),
        ),
        "conv_lstm": ("a convolutional LSTM", sequential(lambda: [L.ConvLSTM2D(2, 3)], (3, 6, 6, 2))),
        "repeat_vector": ("a vector repeated", sequential(lambda: [L.Dense(4), L.RepeatVector(3)], (6,))),
        "masking": ("steps masked before an LSTM", sequential(lambda: [L.Masking(), L.LSTM(4)], SHORT)),
    },
)
EMBEDDING = rows(
    "embedding",
    {
        "embedding": ("token numbers to vectors", of_tokens(lambda x: L.Embedding(16, 6)(x))),
        "embedding_mean": (
            "a bag of words",
            of_tokens(lambda x: L.Dense(3)(L.GlobalAveragePooling1D()(L.Embedding(16, 6)(x)))),
        ),
        "embedding_positional": ("two embeddings added", of_tokens(_positional)),
        "embedding_mask": (
            "an embedding that masks zeros for an LSTM",
            of_tokens(lambda x: L.LSTM(4)(L.Embedding(16, 6, mask_zero=True)(x))),
        ),
    },
)
SEQUENCES = ATTENTION | RECURRENT | EMBEDDING
