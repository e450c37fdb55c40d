"""Two towers, of a user and of items, whose product says how well they match; and a net for embeddings of pictures."""

from __future__ import annotations

from typing import Any

import tf_keras
from tf_keras import layers

from qat_kit.nets.blocks import conv_norm


def two_towers(*, num_users: int, num_items: int, num_candidates: int, units: int = 32) -> tf_keras.Model:
    """Inputs `user` [batch, 1] and `items` [batch, candidates], numbers; logits [batch, candidates].

    Source: P. Covington, J. Adams and E. Sargin, Deep Neural Networks for YouTube Recommendations, RecSys 2016.

    >>> two_towers(num_users=10, num_items=20, num_candidates=5).output_shape
    (None, 5)
    """
    user = tf_keras.Input((1,), dtype="int32", name="user")
    items = tf_keras.Input((num_candidates,), dtype="int32", name="items")

    def tower(numbers: Any, count: int, name: str) -> Any:
        value = layers.Embedding(count, units, name=f"{name}_embedding")(numbers)
        value = layers.Dropout(0.2, name=f"{name}_dropout")(value)
        value = layers.Dense(units, activation="relu", name=f"{name}_hidden")(value)
        return layers.Dense(units, name=f"{name}_vector")(value)

    left = layers.Reshape((units,), name="user_flat")(tower(user, num_users, "user"))
    match = layers.Dot(axes=(2, 1), name="match")([tower(items, num_items, "item"), left])
    return tf_keras.Model([user, items], match, name="two_towers")


def embedding_net(*, input_shape: tuple[int, int, int], units: int = 64) -> tf_keras.Model:
    """Six convolutions and a dense layer: pictures to vectors [batch, units], to be compared by their directions.

    >>> embedding_net(input_shape=(28, 28, 1)).output_shape
    (None, 64)
    """
    image = tf_keras.Input(input_shape, name="image")
    value = image
    for index, filters in enumerate((16, 32, 64)):
        value = conv_norm(value, filters, 3, strides=1 if index == 0 else 2, name=f"conv{2 * index + 1}")
        value = conv_norm(value, filters, 3, name=f"conv{2 * index + 2}")
    value = layers.GlobalAveragePooling2D(name="pool")(value)
    return tf_keras.Model(image, layers.Dense(units, name="embedding")(value), name="embedding_net")
