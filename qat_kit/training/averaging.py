"""A moving average of weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import tensorflow as tf


class WeightAverage:
    """`average ← decay · average + (1 − decay) · weight` behind each step, from the weights at the start.

    The decay is at most (1 + n) / (10 + n) behind n steps, so that the first steps are soon forgotten.
    Source: Polyak and Juditsky 1992; the bound is that of tf.train.ExponentialMovingAverage.
    """

    def __init__(self, weights: Sequence[Any], decay: float) -> None:
        self._weights, self._decay = tuple(weights), decay
        self._averages = [tf.Variable(weight, trainable=False) for weight in self._weights]
        self._num_updates = tf.Variable(0.0, trainable=False)

    @property
    def variables(self) -> list[Any]:
        """What a checkpoint must hold."""
        return [*self._averages, self._num_updates]

    def update(self) -> None:
        """Takes the weights of now in; may be traced."""
        decay = tf.minimum(self._decay, (1.0 + self._num_updates) / (10.0 + self._num_updates))
        for average, weight in zip(self._averages, self._weights, strict=True):
            average.assign_sub((1.0 - decay) * (average - weight))
        self._num_updates.assign_add(1.0)

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Has the averages in the weights' place, within."""
        own = [weight.numpy() for weight in self._weights]
        self.keep()
        try:
            yield
        finally:
            for weight, value in zip(self._weights, own, strict=True):
                weight.assign(value)

    def keep(self) -> None:
        """Puts the averages in the weights' place."""
        for weight, average in zip(self._weights, self._averages, strict=True):
            weight.assign(average)
