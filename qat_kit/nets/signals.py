"""Nets for windows of signals: convolutions over time, alone or before a recurrent layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import tf_keras
from tf_keras import layers

from qat_kit.nets.blocks import norm


def signal_net(
    *,
    input_shape: tuple[int, int],
    num_classes: int,
    filters: Sequence[int],
    size: int = 5,
    end: Literal["mean", "gru", "lstm"] = "mean",
    dropout: float = 0.5,
    augment: Callable[[Any], Any] | None = None,
) -> tf_keras.Model:
    """1-D convolutions with batch norm, each but the first at half the length; logits [batch, num_classes].

    input_shape: steps, channels. end: what makes one vector of all steps: their mean, or a GRU or LSTM of 32 units
    over those that are left (it is unrolled, so 32 at most). augment: random layers behind the input.

    >>> signal_net(input_shape=(100, 6), num_classes=5, filters=(16, 32, 64), end="gru").output_shape
    (None, 5)
    """
    signal = tf_keras.Input(input_shape, name="signal")
    value = augment(signal) if augment else signal
    for index, number in enumerate(filters, start=1):
        strides = 1 if index == 1 else 2
        name = f"conv{index}"
        value = layers.Conv1D(number, size, strides=strides, padding="same", use_bias=False, name=name)(value)
        value = norm(value, name=name)
    if end == "mean":
        value = layers.GlobalAveragePooling1D(name="pool")(value)
    else:
        value = (layers.GRU if end == "gru" else layers.LSTM)(32, name=end)(value)
    value = layers.Dropout(dropout, name="dropout")(value)
    return tf_keras.Model(signal, layers.Dense(num_classes, name="logits")(value), name="signal_net")
