"""The integers behind real values: a tensor's `Grid`, in the graph that is being traced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from qat_kit.simulation.quantizers import ACTIVATION_SPEC

LOWEST_CODE, HIGHEST_CODE = ACTIVATION_SPEC.integer_minimum, ACTIVATION_SPEC.integer_maximum


@dataclass(frozen=True, kw_only=True)
class Grid:
    """`real = steps · scale`, `code = steps + zero_point`: scalar tensors.

    scale: float32, as the file has it. exact_scale: float64, before its cast, as the converter multiplies it.
    zero_point: a whole number, float32.
    """

    scale: Any
    exact_scale: Any
    zero_point: Any

    def steps(self, real: Any) -> Any:
        """Whole numbers, float32, of values that lie on the grid but for rounding errors."""
        return tf.round(real * (1.0 / self.scale))

    @property
    def lowest(self) -> Any:
        """The steps of the lowest code."""
        return LOWEST_CODE - self.zero_point

    @property
    def highest(self) -> Any:
        """The steps of the highest code."""
        return HIGHEST_CODE - self.zero_point


def grid_of(variables: Mapping[str, Any]) -> Grid:
    """The grid that the variables of a RangeQuantizer stand for, as the converter computes it from them.

    scale = (maximum − minimum) / 255 in double precision and cast once; zero_point = ⌊−minimum / scale + ½⌋ − 128.

    Source: getNudgedScaleAndZeroPoint in tensorflow/compiler/mlir/lite/quantization/common/ir/FakeQuantSupport.cc.
    """
    minimum, maximum = (tf.cast(variables[end], tf.float64) for end in ("minimum", "maximum"))
    scale = (maximum - minimum) / (HIGHEST_CODE - LOWEST_CODE)
    zero_point = tf.floor(-minimum / scale + 0.5) + LOWEST_CODE
    return Grid(scale=tf.cast(scale, tf.float32), exact_scale=scale, zero_point=tf.cast(zero_point, tf.float32))
