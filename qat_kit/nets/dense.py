"""Two hidden layers: what a table needs."""

from __future__ import annotations

import tf_keras
from tf_keras import layers


def dense_net(*, num_inputs: int, num_outputs: int, units: int, output: str, name: str) -> tf_keras.Model:
    """Two hidden layers of `units` with ReLU and dropout between them, and a last layer called `output`.

    >>> dense_net(num_inputs=30, num_outputs=2, units=16, output="logits", name="table").output_shape
    (None, 2)
    """
    return tf_keras.Sequential(
        [
            tf_keras.Input((num_inputs,), name="measures"),
            layers.Dense(units, activation="relu", name="first"),
            layers.Dropout(0.2, name="dropout"),
            layers.Dense(units, activation="relu", name="second"),
            layers.Dense(num_outputs, name=output),
        ],
        name=name,
    )
