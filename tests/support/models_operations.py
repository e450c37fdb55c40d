"""Operations on tensors, as people write them between layers: one pattern each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras
from tf_keras import layers

from tests.support.models import SEQUENCE, _functional, conv


def mobilenet_v3(image: Any) -> Any:
    """Hard sigmoid and hard swish of keras.applications, around a squeeze-and-excite."""

    def hard_sigmoid(value: Any) -> Any:
        return layers.ReLU(6.0)(value + 3.0) * (1.0 / 6.0)

    value = conv(name="features")(image)
    value = layers.Multiply()([value, hard_sigmoid(value)])
    weights = layers.GlobalAveragePooling2D(keepdims=True)(value)
    weights = conv(8, 1, name="excite")(conv(2, 1, activation="relu", name="squeeze")(weights))
    return layers.Multiply(name="scale")([value, hard_sigmoid(weights)])


def focus(image: Any) -> Any:
    """Every other pixel, four times, joined along the channels."""
    parts = [image[:, row::2, column::2] for row in (0, 1) for column in (0, 1)]
    return conv(activation="relu")(tf.concat(parts, axis=-1))


def split_and_joined(image: Any) -> Any:
    left, right = tf.split(conv(8)(image), 2, axis=-1)
    return tf.concat([conv(4, name="left")(left), right], -1)


# Another constant at each place of an image.
MAP = np.random.default_rng(6).normal(size=(8, 8, 4)).astype(np.float32)

PATTERNS: dict[str, Callable[[], tf_keras.Model]] = {
    "operation_relu": _functional(lambda x: tf.nn.relu(conv()(x) + 0.5)),
    "operation_affine": _functional(lambda x: conv()((x - 0.5) / np.float32([0.2, 0.3, 0.4, 0.5]))),
    "operation_add": _functional(lambda x: tf.nn.relu(conv(4)(x) + x)),
    "operation_reshape": _functional(lambda x: layers.Dense(3)(tf.reshape(conv()(x), (-1, 512)))),
    "operation_transpose": _functional(lambda x: tf.transpose(conv()(x), [0, 3, 1, 2])),
    "operation_slice": _functional(lambda x: conv(2)(conv()(x)[:, 1:, ::2])),
    "operation_index": _functional(lambda x: layers.Dense(2)(layers.Conv1D(5, 3)(x)[:, -1]), SEQUENCE),
    "operation_split": _functional(split_and_joined),
    "operation_focus": _functional(focus),
    "operation_pad_channels": _functional(lambda x: tf.pad(conv()(x), [[0, 0], [0, 0], [0, 1], [2, 0]])),
    "operation_pad_reflect": _functional(lambda x: conv(2)(tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], "REFLECT"))),
    "operation_space_to_depth": _functional(lambda x: conv(2)(tf.nn.space_to_depth(x, 2))),
    "operation_mean": _functional(lambda x: layers.Dense(3)(tf.reduce_mean(conv(activation="relu")(x), [1, 2]))),
    "operation_constants": _functional(lambda x: MAP - tf.minimum(conv(4)(x) * MAP[..., :1], 0.6)),
    "operation_maximum": _functional(lambda x: conv(2)(tf.maximum(conv(4)(x), 0.3))),
    "operation_max": _functional(lambda x: tf.reduce_max(conv()(x), axis=1, keepdims=True)),
    "operation_matmul": _functional(lambda x: tf.matmul(layers.Conv1D(5, 3)(x), np.ones((5, 2), np.float32)), SEQUENCE),
    "operation_mobilenet_v3": _functional(mobilenet_v3),
}
