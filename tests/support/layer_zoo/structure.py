"""Ways in which models are put together: operations on tensors, nesting, sharing, several ends, own classes."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tf_keras
from tf_keras import layers

from tests.support.layer_zoo.row import of_input, rows
from tests.support.models import IMAGE, SEQUENCE, VECTOR, chain, conv, randomized

L = layers

OPERATIONS = rows(
    "operations on tensors",
    {
        "op_add_scalar": ("x + 1", of_input(lambda x: conv(4)(x) + 1.0)),
        "op_scale": ("x · 0.5 before a convolution", of_input(lambda x: conv(4)(x * 0.5))),
        "op_subtract_from": ("1 − x", of_input(lambda x: 1.0 - conv(4)(x))),
        "op_add_tensors": ("a + b", of_input(lambda x: conv(4)(x) + x)),
        "op_slice": ("x[:, 1:, ::2]", of_input(lambda x: conv(4)(x)[:, 1:, ::2])),
        "op_relu6": ("tf.nn.relu6", of_input(lambda x: tf.nn.relu6(conv(4)(x)))),
        "op_hard_swish": ("x · relu6(x + 3) / 6", of_input(lambda x: (y := conv(4)(x)) * tf.nn.relu6(y + 3.0) / 6.0)),
        "op_reshape": ("tf.reshape", of_input(lambda x: tf.reshape(conv(4)(x), (-1, 64, 4)))),
        "op_transpose": ("tf.transpose", of_input(lambda x: tf.transpose(conv(4)(x), (0, 3, 1, 2)))),
        "op_mean": ("tf.reduce_mean over an axis", of_input(lambda x: tf.reduce_mean(conv(4)(x), 1, keepdims=True))),
        "op_concat": ("tf.concat", of_input(lambda x: tf.concat([conv(4)(x), x], axis=2))),
        "op_split": ("tf.split, and its parts added", of_input(lambda x: L.Add()(tf.split(conv(4)(x), 2, axis=-1)))),
        "op_matmul": (
            "tf.matmul of two sequences",
            of_input(lambda x: tf.matmul(L.Dense(4)(x), x, transpose_b=True), SEQUENCE),
        ),
        "op_clip": ("tf.clip_by_value from 0 to 1", of_input(lambda x: tf.clip_by_value(conv(4)(x), 0.0, 1.0))),
        "op_resize": ("tf.image.resize", of_input(lambda x: tf.image.resize(conv(4)(x), (16, 16)))),
        "op_expand_dims": (
            "tf.expand_dims and tf.squeeze",
            of_input(lambda x: tf.squeeze(tf.expand_dims(conv(4)(x), 1), 1)),
        ),
    },
)


class _Subclassed(tf_keras.Model):
    def __init__(self) -> None:
        super().__init__(name="subclassed")
        self.first, self.second = conv(4, activation="relu"), L.Dense(3)

    def call(self, inputs: Any) -> Any:
        return self.second(tf.reduce_mean(self.first(inputs), axis=(1, 2)))


@tf_keras.utils.register_keras_serializable("zoo")
class _Scaled(L.Layer):
    """A layer of one's own, made of others."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.inner = L.Dense(4)

    def call(self, inputs: Any) -> Any:
        return tf.nn.relu(self.inner(inputs)) * 0.5


def subclassed() -> tf_keras.Model:
    model = _Subclassed()
    model(tf_keras.Input(IMAGE))
    return randomized(model)


def siamese() -> tf_keras.Model:
    left, right = tf_keras.Input(VECTOR, name="left"), tf_keras.Input(VECTOR, name="right")
    tower = L.Dense(6, activation="relu", name="tower")
    return randomized(tf_keras.Model([left, right], L.Subtract()([tower(left), tower(right)]), name="siamese"))


def siamese_nested() -> tf_keras.Model:
    tower = tf_keras.Sequential([tf_keras.Input(IMAGE), conv(4), L.BatchNormalization(), L.ReLU(), L.Flatten()])
    left, right = tf_keras.Input(IMAGE, name="left"), tf_keras.Input(IMAGE, name="right")
    return randomized(tf_keras.Model([left, right], L.Concatenate()([tower(left), tower(right)]), name="siamese"))


def dict_inputs() -> tf_keras.Model:
    ends = {"wide": tf_keras.Input((5,), name="wide"), "deep": tf_keras.Input(VECTOR, name="deep")}
    joined = L.Concatenate()([ends["wide"], L.Dense(4, activation="relu")(ends["deep"])])
    return randomized(tf_keras.Model(ends, L.Dense(2)(joined), name="wide_and_deep"))


def several_ends() -> tf_keras.Model:
    image, extra = tf_keras.Input(IMAGE, name="image"), tf_keras.Input(VECTOR, name="extra")
    pooled = L.GlobalAveragePooling2D()(conv(6, activation="relu")(image))
    joined = L.Concatenate()([pooled, L.Dense(4)(extra)])
    return randomized(
        tf_keras.Model([image, extra], [L.Dense(3, name="classes")(joined), L.Dense(1, name="size")(joined)])
    )


def _deeply_nested(image: Any) -> Any:
    inner = tf_keras.Sequential([tf_keras.Input(IMAGE), conv(4), L.BatchNormalization()], name="inner")
    outer = tf_keras.Sequential([tf_keras.Input(IMAGE), inner, L.ReLU()], name="outer")
    return L.Add()([image, outer(image)])


STRUCTURE = rows(
    "structure",
    {
        "nested_twice": ("a Sequential in a Sequential in a Functional model", of_input(_deeply_nested)),
        "shared_layer": ("one dense layer on two inputs", siamese),
        "shared_model": ("one convolutional tower with batch norm on two inputs", siamese_nested),
        "shared_conv": ("one convolution twice in a row", of_input(chain(*[conv(4)] * 2))),
        "dict_inputs": ("inputs in a dict", dict_inputs),
        "several_ends": ("two inputs and two outputs", several_ends),
        "subclassed": ("a subclassed model", subclassed),
        "custom_layer": (
            "a layer of one's own, made of others",
            of_input(chain(_Scaled(name="own"), L.Dense(2)), VECTOR),
        ),
        "lambda_layer": ("a Lambda", of_input(lambda x: L.Lambda(lambda y: y * 2.0)(conv(4)(x)))),
    },
)
