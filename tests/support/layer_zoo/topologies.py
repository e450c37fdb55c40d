"""Well-known nets, with fewer and narrower blocks where that changes no pattern."""

from __future__ import annotations

from typing import Any

import tf_keras
from tf_keras import layers

from tests.support.layer_zoo.row import of_input, of_tokens, rows
from tests.support.models import conv, randomized

L = layers


def _conv_bn(value: Any, filters: int, size: int = 3, *, strides: int = 1, activation: Any = None) -> Any:
    value = L.Conv2D(filters, size, strides=strides, padding="same", use_bias=False)(value)
    value = L.BatchNormalization()(value)
    return (activation or L.ReLU())(value)


def _depthwise_bn(value: Any, *, strides: int = 1, activation: Any = None) -> Any:
    value = L.DepthwiseConv2D(3, strides=strides, padding="same", use_bias=False)(value)
    return (activation or L.ReLU(6.0))(L.BatchNormalization()(value))


def resnet8(image: Any) -> Any:
    value = _conv_bn(image, 16)
    for filters, strides in ((16, 1), (32, 2), (64, 2)):
        inner = _conv_bn(value, filters, strides=strides)
        inner = L.BatchNormalization()(conv(filters)(inner))
        side = value if strides == 1 else L.Conv2D(filters, 1, strides=strides, padding="same")(value)
        value = L.ReLU()(L.Add()([side, inner]))
    return L.Dense(10, activation="softmax")(L.Flatten()(L.AveragePooling2D(8)(value)))


def ds_cnn(spectrum: Any) -> Any:
    value = L.Conv2D(32, (10, 4), strides=2, padding="same")(spectrum)
    value = L.Dropout(0.2)(L.ReLU()(L.BatchNormalization()(value)))
    for _ in range(4):
        value = _conv_bn(_depthwise_bn(value, activation=L.ReLU()), 32, 1)
    value = L.GlobalAveragePooling2D()(L.Dropout(0.4)(value))
    return L.Dense(12, activation="softmax")(value)


def mobilenet_v1(image: Any) -> Any:
    value = _conv_bn(image, 8, strides=2, activation=L.ReLU(6.0))
    for filters, strides in ((16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2), (128, 1)):
        value = _conv_bn(_depthwise_bn(value, strides=strides), filters, 1, activation=L.ReLU(6.0))
    return L.Dense(2, activation="softmax")(L.GlobalAveragePooling2D()(value))


def mobilenet_v2_block(image: Any) -> Any:
    value = _depthwise_bn(_conv_bn(image, 24, 1, activation=L.ReLU(6.0)))
    value = L.BatchNormalization()(L.Conv2D(4, 1, use_bias=False)(value))
    return L.Add()([image, value])


def mobilenet_v3_block(image: Any) -> Any:
    def hard_sigmoid(value: Any) -> Any:
        return L.ReLU(6.0)(value + 3.0) * (1 / 6)

    def hard_swish(value: Any) -> Any:
        return L.Multiply()([value, hard_sigmoid(value)])

    value = hard_swish(L.BatchNormalization()(conv(16, 1)(image)))
    value = hard_swish(L.BatchNormalization()(L.DepthwiseConv2D(3, padding="same")(value)))
    weights = L.GlobalAveragePooling2D(keepdims=True)(value)
    weights = hard_sigmoid(conv(16, 1)(conv(4, 1, activation="relu")(weights)))
    value = L.Multiply()([value, weights])
    return L.Add()([image, L.BatchNormalization()(conv(4, 1)(value))])


def autoencoder(vector: Any) -> Any:
    value = vector
    for units in (32, 32, 8, 32, 32):
        value = L.ReLU()(L.BatchNormalization()(L.Dense(units)(value)))
    return L.Dense(64)(value)


def unet(image: Any) -> Any:
    first = _conv_bn(image, 8)
    second = _conv_bn(L.MaxPooling2D()(first), 16)
    deep = _conv_bn(L.MaxPooling2D()(second), 16)
    up = L.Concatenate()([L.Conv2DTranspose(16, 2, strides=2)(deep), second])
    up = L.Concatenate()([L.UpSampling2D(interpolation="bilinear")(_conv_bn(up, 8)), first])
    return conv(2, 1, activation="sigmoid")(_conv_bn(up, 8))


def detector() -> tf_keras.Model:
    image = tf_keras.Input((16, 16, 3), name="image")
    fine = _conv_bn(_conv_bn(image, 8, strides=2), 16)
    coarse = _conv_bn(fine, 16, strides=2)
    heads = {}
    for name, size in (("boxes", 4), ("classes", 3)):
        parts = [L.Reshape((-1, size))(conv(2 * size)(level)) for level in (fine, coarse)]
        heads[name] = L.Concatenate(axis=1, name=name)(parts)
    return randomized(tf_keras.Model(image, [heads["boxes"], L.Activation("sigmoid")(heads["classes"])]))


def transformer(sequence: Any) -> Any:
    value = L.Dense(8)(sequence)
    value = L.LayerNormalization()(L.Add()([value, L.MultiHeadAttention(2, 4, dropout=0.1)(value, value)]))
    inner = L.Dense(8)(L.Dense(16, activation="gelu")(value))
    return L.Dense(3)(L.GlobalAveragePooling1D()(L.LayerNormalization()(L.Add()([value, inner]))))


def tagger(tokens: Any) -> Any:
    value = L.Bidirectional(L.LSTM(6, return_sequences=True))(L.Embedding(16, 6)(tokens))
    return L.TimeDistributed(L.Dense(4, activation="softmax"))(value)


def two_towers() -> tf_keras.Model:
    user, item = (tf_keras.Input((1,), dtype="int32", name=name) for name in ("user", "item"))
    vectors = [L.Dense(4)(L.Flatten()(L.Embedding(16, 8)(side))) for side in (user, item)]
    return randomized(tf_keras.Model([user, item], L.Dot(axes=1)(vectors)))


def text_cnn(tokens: Any) -> Any:
    value = L.Embedding(16, 8)(tokens)
    parts = [L.GlobalMaxPooling1D()(L.Conv1D(6, size, activation="relu")(value)) for size in (2, 3, 4)]
    return L.Dense(5, activation="softmax")(L.Dropout(0.5)(L.Concatenate()(parts)))


TOPOLOGIES = rows(
    "topologies",
    {
        "resnet8": ("MLPerf Tiny's ResNet-8", of_input(resnet8, (32, 32, 3))),
        "ds_cnn": ("MLPerf Tiny's DS-CNN, half as wide", of_input(ds_cnn, (49, 10, 1))),
        "mobilenet_v1_025": ("MobileNetV1 at a quarter of its width", of_input(mobilenet_v1, (32, 32, 3))),
        "mobilenet_v2_block": ("an inverted residual", of_input(mobilenet_v2_block)),
        "mobilenet_v3_block": ("hard swish, squeeze and excite", of_input(mobilenet_v3_block)),
        "autoencoder": ("MLPerf Tiny's dense auto-encoder with batch norm, narrower", of_input(autoencoder, (64,))),
        "unet_bn": ("a U-Net of two levels with batch norm", of_input(unet, (16, 16, 3))),
        "detector": ("a detector's head over two levels", detector),
        "transformer": ("a Transformer's encoder block", of_input(transformer, (10, 6))),
        "lstm_tagger": ("a tagger of tokens", of_tokens(tagger)),
        "two_towers": ("a recommender of two towers", two_towers),
        "text_cnn": ("a text CNN with an embedding", of_tokens(text_cnn, 10)),
    },
)
