"""Patterns of sequences: recurrent layers, what runs them over time, embeddings, convolutions of one dimension."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tf_keras
from tf_keras import layers

from tests.support.models import Build, chain, model_of, randomized

STEPS = (5, 4)
LONG = (12, 4)
TOKENS = (6,)


def _chain(make: Callable[[], list[layers.Layer]], shape: tuple[int, ...] = STEPS) -> Callable[[], tf_keras.Model]:
    return lambda: model_of(chain(*make()), shape)


def _functional(build: Build, shape: tuple[int, ...] = STEPS) -> Callable[[], tf_keras.Model]:
    return lambda: model_of(build, shape)


def encoder_decoder(image: Any) -> Any:
    """States handed from one LSTM to the next."""
    _, hidden, cell = layers.LSTM(4, return_state=True, name="encoder")(image)
    repeated = layers.RepeatVector(3, name="repeat")(hidden)
    decoded = layers.LSTM(4, return_sequences=True, name="decoder")(repeated, initial_state=[hidden, cell])
    return layers.TimeDistributed(layers.Dense(3), name="words")(decoded)


def state_from_dense(image: Any) -> Any:
    start = layers.Dense(4, name="start")(layers.Flatten()(image))
    return layers.GRU(4, name="gru")(image, initial_state=start)


def returned_states() -> tf_keras.Model:
    sequence = tf_keras.Input(STEPS, name="image")
    output, hidden, cell = layers.LSTM(3, return_sequences=True, return_state=True, name="lstm")(sequence)
    scores = layers.Dense(2, name="scores")(cell)
    return randomized(tf_keras.Model(sequence, [output, layers.Dense(2, name="last")(hidden), scores], name="pattern"))


def tokens_model(build: Build, shape: tuple[int, ...] = TOKENS, *, dtype: str = "int32") -> tf_keras.Model:
    tokens = tf_keras.Input(shape, dtype=dtype, name="tokens")
    return randomized(tf_keras.Model(tokens, build(tokens), name="pattern"))


def _tokens(build: Build, **arguments: Any) -> Callable[[], tf_keras.Model]:
    return lambda: tokens_model(build, **arguments)


def text_cnn(tokens: Any) -> Any:
    value = layers.Embedding(20, 4, name="embedding")(tokens)
    parts = [layers.GlobalMaxPooling1D()(layers.Conv1D(3, size, activation="relu")(value)) for size in (2, 3)]
    return layers.Dense(2, name="scores")(layers.Concatenate()(parts))


def two_tables() -> tf_keras.Model:
    """A recommender's two towers, one of them fed a number beside its index."""
    user, item = (tf_keras.Input((), dtype="int32", name=name) for name in ("user", "item"))
    price = tf_keras.Input((1,), name="price")
    left = layers.Dense(4, name="user_tower")(layers.Embedding(15, 3, name="users")(user))
    right = layers.Concatenate()([layers.Embedding(11, 3, name="items")(item), price])
    right = layers.Dense(4, name="item_tower")(right)
    return randomized(tf_keras.Model([user, item, price], layers.Multiply(name="match")([left, right]), name="pattern"))


def one_table_twice() -> tf_keras.Model:
    first, second = (tf_keras.Input((3,), dtype="int32", name=name) for name in ("first", "second"))
    table = layers.Embedding(15, 4, name="table")
    output = layers.Subtract(name="difference")([table(first), table(second)])
    return randomized(tf_keras.Model([first, second], output, name="pattern"))


def residual1d(image: Any) -> Any:
    value = layers.Conv1D(4, 3, padding="same", name="first")(image)
    value = layers.ReLU()(layers.BatchNormalization()(value))
    value = layers.Add(name="sum")([image, layers.Conv1D(4, 3, padding="same", name="second")(value)])
    value = layers.ReLU()(value)
    value = layers.Concatenate()([value, layers.Conv1D(4, 1, name="third")(value)])
    return layers.GlobalAveragePooling1D()(layers.MaxPooling1D()(layers.ZeroPadding1D(1)(value)))


def wavenet(image: Any) -> Any:
    value = layers.Conv1D(4, 2, padding="causal", name="stem")(image)
    for rate in (1, 2):
        gated = [
            layers.Conv1D(4, 2, padding="causal", dilation_rate=rate, activation=activation)(value)
            for activation in ("tanh", "sigmoid")
        ]
        value = layers.Add()([value, layers.Conv1D(4, 1)(layers.Multiply()(gated))])
    return value


# name → a function that makes the model.
PATTERNS: dict[str, Callable[[], tf_keras.Model]] = {
    "lstm": _chain(lambda: [layers.LSTM(6, name="lstm"), layers.Dense(3)]),
    "lstm_sequences": _chain(lambda: [layers.LSTM(5, return_sequences=True, name="one"), layers.LSTM(4, name="two")]),
    "lstm_no_bias_relu": _chain(lambda: [layers.LSTM(4, use_bias=False, activation="relu", name="lstm")]),
    "lstm_backwards": _chain(lambda: [layers.LSTM(4, go_backwards=True, return_sequences=True, name="lstm")]),
    "lstm_dropout": _chain(lambda: [layers.LSTM(4, dropout=0.3, name="lstm"), layers.Dropout(0.2), layers.Dense(2)]),
    "lstm_states": returned_states,
    "encoder_decoder": _functional(encoder_decoder),
    "gru": _chain(lambda: [layers.GRU(5, name="gru"), layers.Dense(3)]),
    "gru_reset_before": _chain(lambda: [layers.GRU(5, reset_after=False, return_sequences=True, name="gru")]),
    "gru_initial_state": _functional(state_from_dense),
    "simple_rnn": _chain(
        lambda: [layers.SimpleRNN(5, return_sequences=True, name="rnn"), layers.SimpleRNN(3, name="rnn2")]
    ),
    "simple_rnn_relu": _chain(lambda: [layers.SimpleRNN(5, activation="relu", name="rnn")]),
    "stacked_cells": _chain(lambda: [layers.RNN([layers.LSTMCell(4), layers.GRUCell(3)], name="stack")]),
    "bidirectional": _chain(
        lambda: [layers.Bidirectional(layers.LSTM(4, return_sequences=True), name="both"), layers.Dense(3)]
    ),
    "bidirectional_sum": _chain(lambda: [layers.Bidirectional(layers.GRU(4), merge_mode="sum", name="both")]),
    "time_distributed_dense": _chain(
        lambda: [layers.TimeDistributed(layers.Dense(6, activation="relu"), name="dense")]
    ),
    "time_distributed_conv": _chain(
        lambda: [layers.TimeDistributed(layers.Conv2D(3, 3, activation="relu"), name="frames")], (3, 6, 6, 2)
    ),
    "time_distributed_model": _chain(
        lambda: [
            layers.TimeDistributed(
                tf_keras.Sequential(
                    [tf_keras.Input((6, 6, 2)), layers.Conv2D(3, 3), layers.ReLU(), layers.GlobalMaxPooling2D()]
                ),
                name="frames",
            ),
            layers.GRU(4, name="gru"),
        ],
        (3, 6, 6, 2),
    ),
    "repeat_vector": _chain(lambda: [layers.Dense(4), layers.RepeatVector(3)], (6,)),
    "embedding_dense": _tokens(chain(layers.Embedding(20, 4, name="embedding"), layers.Flatten(), layers.Dense(3))),
    "embedding_of_float_input": _tokens(
        chain(layers.Embedding(20, 4, mask_zero=True, name="embedding"), layers.Flatten(), layers.Dense(3)),
        dtype="float32",
    ),
    "embedding_lstm": _tokens(chain(layers.Embedding(20, 4, name="embedding"), layers.LSTM(4), layers.Dense(3))),
    "masked_both_directions": _tokens(
        chain(
            layers.Embedding(20, 4, mask_zero=True, name="embedding"),
            layers.Bidirectional(layers.SimpleRNN(3, return_sequences=True), name="both"),
        ),
        shape=(4,),
    ),
    "masked_mean": _tokens(
        chain(layers.Embedding(20, 4, mask_zero=True, name="embedding"), layers.GlobalAveragePooling1D())
    ),
    "masking": _chain(lambda: [layers.Masking(-1.0), layers.SimpleRNN(3, name="rnn")]),
    "conv_lstm": _chain(lambda: [layers.ConvLSTM2D(2, 3, name="frames")], (2, 6, 6, 2)),
    "text_cnn": _tokens(text_cnn),
    "two_tables": two_tables,
    "one_table_twice": one_table_twice,
    "residual1d": _functional(residual1d, LONG),
    "wavenet": _functional(wavenet, LONG),
    "chain1d": _chain(
        lambda: [
            *(
                layers.Conv1D(6, 3, padding="same"),
                layers.ReLU(),
                layers.MaxPooling1D(),
                layers.DepthwiseConv1D(3),
                layers.PReLU(),
            ),
            *(
                layers.Cropping1D(1),
                layers.UpSampling1D(3),
                layers.SpatialDropout1D(0.2),
                layers.Flatten(),
                layers.Dense(2),
            ),
        ],
        LONG,
    ),
    "conv1d_groups": _chain(lambda: [layers.Conv1D(6, 3, groups=2, strides=2)], LONG),
    "transposed1d": _chain(lambda: [layers.Conv1DTranspose(5, 3, strides=2, padding="same"), layers.ReLU()], LONG),
}
