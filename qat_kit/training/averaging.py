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

    def __init__(self, weights: Sequence[Any], decay: float, *, places: Sequence[Any] | None = None) -> None:
        """places: the variables that the averages are lent to, where these are not the weights that steps move."""
        self._weights, self._decay = tuple(weights), decay
        self._places = self._weights if places is None else tuple(places)
        self._averages = [tf.Variable(weight, trainable=False) for weight in self._weights]
        self._num_updates = tf.Variable(0.0, trainable=False)

    @property
    def variables(self) -> list[Any]:
        """What a checkpoint must hold."""
        return [*self._averages, self._num_updates]

    def update(self) -> None:
        """Takes the weights of now in; may be traced, outside of what each replica does."""
        decay = tf.minimum(self._decay, (1.0 + self._num_updates) / (10.0 + self._num_updates))
        strategy = tf.distribute.get_strategy()
        for average, weight in zip(self._averages, self._weights, strict=True):
            strategy.extended.update(average, _follow, args=(weight, decay))
        self._num_updates.assign_add(1.0)

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Has the averages in the weights' place, within."""
        own = [place.numpy() for place in self._places]
        self.keep()
        try:
            yield
        finally:
            for place, value in zip(self._places, own, strict=True):
                place.assign(value)

    def keep(self) -> None:
        """Puts the averages in the weights' place."""
        for place, average in zip(self._places, self._averages, strict=True):
            place.assign(average.numpy())


def _follow(average: Any, weight: Any, decay: Any) -> None:
    average.assign_sub((1.0 - decay) * (average - weight))
