"""The integers behind real values: a tensor's `Grid`, in the graph that is being traced."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from qat_kit.numerics import SMALLEST_RANGE, QuantParams
from qat_kit.simulation.quantizers import (
    ACTIVATION_SPEC,
    ActivationQuantizer,
    LearnedStepQuantizer,
    PactQuantizer,
    RangeQuantizer,
    SoftQuantizer,
    exact_scale,
)

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


def grid_of(layer: Any) -> Grid:
    """The grid of a wrapped layer's own quantizer, as the file will have it, from its variables."""
    quantizer = layer.quantize_config.output_quantizer
    return _GRIDS[type(quantizer)](quantizer, layer.output_range)


def grid_between(minimum: Any, maximum: Any) -> Grid:
    """The grid of a range that holds 0 (scalars), as the converter computes it.

    scale = (maximum − minimum) / 255 in double precision and cast once; zero_point = ⌊−minimum / scale + ½⌋ − 128.

    Source: getNudgedScaleAndZeroPoint in tensorflow/compiler/mlir/lite/quantization/common/ir/FakeQuantSupport.cc.
    """
    minimum, maximum = (tf.cast(end, tf.float64) for end in (minimum, maximum))
    scale = (maximum - minimum) / (HIGHEST_CODE - LOWEST_CODE)
    zero_point = tf.floor(-minimum / scale + 0.5) + LOWEST_CODE
    return Grid(scale=tf.cast(scale, tf.float32), exact_scale=scale, zero_point=tf.cast(zero_point, tf.float32))


def _of_range(quantizer: ActivationQuantizer, variables: Mapping[str, Any]) -> Grid:
    del quantizer
    return grid_between(variables["minimum"], variables["maximum"])


def _of_learned_step(quantizer: LearnedStepQuantizer, variables: Mapping[str, Any]) -> Grid:
    scale, zero_point = quantizer.grid(variables)[:2]
    return _by_range(scale, zero_point)


def _of_clip(quantizer: PactQuantizer, variables: Mapping[str, Any]) -> Grid:
    """As `numerics.choose_qparams` has it for [0, clip]."""
    clip = tf.cast(quantizer.clip(variables), tf.float64)
    narrow = clip < SMALLEST_RANGE
    low = tf.where(narrow, tf.constant(-SMALLEST_RANGE / 2, tf.float64), tf.zeros_like(clip))
    nearly = grid_between(low, tf.where(narrow, tf.maximum(clip, SMALLEST_RANGE / 2), clip))
    return _by_range(nearly.scale, nearly.zero_point)


def _by_range(scale: Any, zero_point: Any) -> Grid:
    """The converter finds such a scale from a float32 range near by, and computes with that range's own quotient."""

    def exact(scale: np.float32, zero_point: np.float32) -> np.float64:
        params = QuantParams(spec=ACTIVATION_SPEC, scale=np.asarray(scale), zero_point=np.asarray(zero_point, np.int32))
        return np.float64(exact_scale(params))

    found = tf.numpy_function(exact, [scale, zero_point], tf.float64, stateful=False)
    return Grid(scale=scale, exact_scale=tf.ensure_shape(found, ()), zero_point=zero_point)


_GRIDS: Mapping[type, Callable[[Any, Mapping[str, Any]], Grid]] = {
    RangeQuantizer: _of_range,
    SoftQuantizer: _of_range,
    LearnedStepQuantizer: _of_learned_step,
    PactQuantizer: _of_clip,
}
# The quantizers of activations whose grids are known here.
KNOWN_QUANTIZERS = frozenset(_GRIDS)
