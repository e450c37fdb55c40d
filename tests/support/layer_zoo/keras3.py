"""Models of Keras 3."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from tests.support.layer_zoo.row import Row, rows
from tests.support.models import IMAGE, SEQUENCE, VECTOR, randomized

L = layers


def _of(build: Any, shape: tuple[int, ...] = IMAGE, dtype: str = "float32") -> Any:
    def make() -> Any:
        value = keras.Input(shape, dtype=dtype, name="image")
        return randomized(keras.Model(value, build(value), name="pattern"))

    return make


def _conv(filters: int = 4, **arguments: Any) -> Any:
    return L.Conv2D(filters, 3, padding="same", **arguments)


def _residual(image: Any) -> Any:
    value = L.ReLU()(L.BatchNormalization()(_conv()(image)))
    return L.ReLU()(L.Add()([image, L.BatchNormalization()(_conv()(value))]))


def _shared() -> Any:
    left, right = keras.Input(VECTOR, name="left"), keras.Input(VECTOR, name="right")
    tower = L.Dense(6, activation="relu", name="tower")
    return randomized(keras.Model([left, right], L.Subtract()([tower(left), tower(right)]), name="siamese"))


class _Subclassed(keras.Model):
    def __init__(self) -> None:
        super().__init__(name="subclassed")
        self.first, self.second = L.Dense(6, activation="relu"), L.Dense(3)

    def call(self, inputs: Any) -> Any:
        return self.second(self.first(inputs))


def _subclassed() -> Any:
    model = _Subclassed()
    model(keras.Input(VECTOR))
    return randomized(model)


def _nested(image: Any) -> Any:
    return keras.Sequential([keras.Input(IMAGE), _conv(), L.BatchNormalization(), L.ReLU()], name="inner")(image)


def keras3_rows() -> dict[str, Row]:
    """All of them."""
    ops = keras.ops
    return rows(
        "Keras 3",
        {
            "keras3_conv_bn_relu": ("Conv2D, BN, ReLU", _of(lambda x: L.ReLU()(L.BatchNormalization()(_conv()(x))))),
            "keras3_residual": ("a residual block", _of(_residual)),
            "keras3_dense": ("dense layers", _of(lambda x: L.Dense(3)(L.Dense(8, activation="relu")(x)), VECTOR)),
            "keras3_leaky": ("LeakyReLU with a slope", _of(lambda x: L.LeakyReLU(negative_slope=0.2)(_conv()(x)))),
            "keras3_separable": (
                "a separable convolution",
                _of(lambda x: L.SeparableConv2D(4, 3, activation="relu6")(x)),
            ),
            "keras3_nested": ("a Sequential within", _of(_nested)),
            "keras3_shared": ("one dense layer on two inputs", _shared),
            "keras3_subclassed": ("a subclassed model", _subclassed),
            "keras3_add_scalar": ("x + 1", _of(lambda x: _conv()(x) + 1.0)),
            "keras3_slice": ("x[:, 1:]", _of(lambda x: _conv()(x)[:, 1:])),
            "keras3_reshape": ("keras.ops.reshape", _of(lambda x: ops.reshape(_conv()(x), (-1, 64, 4)))),
            "keras3_mean": ("keras.ops.mean", _of(lambda x: ops.mean(_conv()(x), axis=1, keepdims=True))),
            "keras3_hard_swish": ("hard swish", _of(lambda x: _conv(activation="hard_swish")(x))),
            "keras3_layer_norm": ("a layer norm", _of(lambda x: L.LayerNormalization()(L.Dense(8)(x)), SEQUENCE)),
            "keras3_attention": ("self-attention", _of(lambda x: L.MultiHeadAttention(2, 4)(x, x), SEQUENCE)),
            "keras3_lstm": ("an LSTM", _of(lambda x: L.LSTM(5)(x), (6, 4))),
            "keras3_gru": ("a GRU", _of(lambda x: L.GRU(5)(x), (6, 4))),
            "keras3_embedding": ("an embedding", _of(lambda x: L.Embedding(16, 6)(x), (8,), "int32")),
        },
    )
