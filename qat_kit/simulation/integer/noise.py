"""Random steps up and down, so that training does not lean on how one kernel set rounds: `noisy`."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from qat_kit.simulation.integer.gradient import straight_through
from qat_kit.simulation.integer.site import Site


class NoiseSource:
    """Random numbers with a state of their own, which `training` finds and seeds as it does those of Keras' layers."""

    def __init__(self) -> None:
        with tf.init_scope():
            self._generator = tf.random.Generator.from_seed(0)

    def _maybe_init(self) -> None:
        """As Keras' sources have it: nothing is left to do."""

    def uniform(self, shape: Any) -> Any:
        """float32 within 0 and 1."""
        return self._generator.uniform(shape)


def noisy(site: Site, value: Any, *, share: float, source: NoiseSource) -> Any:
    """Values of the output's grid, of which `share` are a step higher or lower, as often the one as the other.

    They stay within the output's codes. The gradient passes.
    """

    def moved(value: Any) -> tuple[Any, None]:
        chance = source.uniform(tf.shape(value))
        up, down = (tf.cast(where, tf.float32) for where in (chance >= 1 - share / 2, chance < share / 2))
        steps = site.clipped(site.output.steps(value) + up - down)
        return tf.round(steps) * site.output.scale, None

    return straight_through(moved, tf.identity, value)
