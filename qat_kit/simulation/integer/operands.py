"""The operand that a layer holds beside its data: a constant of an operation, or slopes that training moves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
import tf_keras

from qat_kit.layers import WithConstant
from qat_kit.simulation.integer.grid import Grid, grid_between
from qat_kit.simulation.integer.lending import lent
from qat_kit.simulation.kernels import SMALLEST_MAXIMUM
from qat_kit.simulation.quantizers import WEIGHT_SPEC


@dataclass(frozen=True, kw_only=True)
class Constant:
    """value: real numbers, a tensor without a batch. grid: the one that the converter puts them on.
    position: among the operands. computed: the wrapped layer over real operands, of which this is one.
    """

    value: Any
    grid: Grid
    position: int
    computed: Callable[[Any, tuple[Any, ...]], Any]


def constant_of(layer: Any) -> Constant | None:
    """What a layer holds, None where it holds nothing or a kernel."""
    if isinstance(layer, WithConstant):
        position = 0 if layer.constant_first else 1
        value = tf.constant(layer.value, tf.float32)
        low, high = tf.minimum(tf.reduce_min(value), 0.0), tf.maximum(tf.reduce_max(value), 0.0)
        return Constant(
            value=value,
            # All zero: any scale will do.
            grid=grid_between(low, tf.where(tf.equal(low, high), 255.0, high)),
            position=position,
            computed=lambda wrapper, operands: wrapper.compute(operands[1 - position]),
        )
    if isinstance(layer, tf_keras.layers.PReLU):
        value = tf.convert_to_tensor(layer.alpha)
        return Constant(value=value, grid=_as_weights(value), position=1, computed=_with_slopes)
    return None


def _as_weights(value: Any) -> Grid:
    """The converter puts slopes on a grid as it does weights, symmetric and without the lowest code."""
    largest = tf.cast(tf.reduce_max(tf.abs(value)), tf.float64)
    scale = tf.maximum(largest, SMALLEST_MAXIMUM) / WEIGHT_SPEC.integer_maximum
    return Grid(scale=tf.cast(scale, tf.float32), exact_scale=scale, zero_point=tf.constant(0.0))


def _with_slopes(wrapper: Any, operands: tuple[Any, ...]) -> Any:
    inputs, slopes = operands
    with lent(wrapper.layer, {"alpha": slopes}):
        return wrapper.compute(inputs)
