"""ADD and SUB: `qat_kit.kernels.sums` on TensorFlow."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from qat_kit.kernels.broadcasting import in_vectors
from qat_kit.simulation.integer.by_numpy import by_numpy, steps_by_numpy
from qat_kit.simulation.integer.fixed_point import (
    compiled,
    divide_by_power_of_two,
    high_multiply,
    multiply,
    power_of_two,
    quantize_multiplier,
)
from qat_kit.simulation.integer.site import Site
from qat_kit.vocabulary import KernelSet

_LEFT_SHIFT = 20
_VECTOR = 16
_SIGNS = {"ADD": 1, "SUB": -1}


def add_or_subtract(site: Site) -> Any:
    """`a ± b`, each brought to a common scale and the result to that of the output.

    The builtin kernel of ADD cuts runs of elements into vectors; where the operands differ in shape, NumPy knows them.
    """
    first, second = site.operands
    sign = _SIGNS[site.layer.quantize_config.op]
    is_plain = _inner_shape(site, 0) == _inner_shape(site, 1)
    if site.kernel_set == "builtin" and sign > 0 and not is_plain:
        return by_numpy(site)
    vectors = in_vectors((1, *_inner_shape(site, 0)), _VECTOR) if is_plain and sign > 0 else None
    scales = tf.stack([site.inputs[0].scale, site.inputs[1].scale, site.output.scale])
    ends = (site.lowest, site.highest, site.output.zero_point)

    def by(kernel_set: KernelSet, tensors: tuple[Any, ...]) -> tuple[Any, Any]:
        def values(first: Any, second: Any, scales: Any, lowest: Any, highest: Any, zero_point: Any) -> Any:
            pair = [tf.cast(tf.round(x * (1.0 / scales[index])), tf.int64) for index, x in enumerate((first, second))]
            if kernel_set == "xnnpack":
                steps = _xnnpack_sum(pair, scales, sign)
            else:
                steps = _litert_sum(
                    pair, scales, sign, zero_point, vectors=vectors if kernel_set == "builtin" else None
                )
            within = tf.maximum(tf.minimum(tf.cast(steps, tf.float32), highest), lowest)
            return tf.round(within) * scales[2], _inside(first + sign * second, scales[2], lowest, highest)

        value, inside = compiled(values)(*tensors, scales, *ends)
        return value, inside

    def left_by_xnnpack(tensors: tuple[Any, ...]) -> tuple[Any, Any]:
        if is_plain or sign < 0:
            return by("builtin", tensors)
        inside = _inside(tensors[0] + tensors[1], scales[2], site.lowest, site.highest)
        return steps_by_numpy(site, *tensors) * site.output.scale, inside

    def integer(*tensors: Any) -> tuple[Any, Any, None]:
        if site.kernel_set != "xnnpack":
            return *by(site.kernel_set, tensors), None
        # What XNNPACK leaves runs on the builtin kernels.
        ratios = scales[:2] / scales[2]
        takes = tf.reduce_all(tf.logical_and(ratios >= 2.0**-10, ratios < 2.0**8))
        value, inside = tf.cond(takes, lambda: by("xnnpack", tensors), lambda: left_by_xnnpack(tensors))
        return value, inside, None

    return site.with_gradient_of(lambda a, b: a + sign * b, integer, first, second)


def _inner_shape(site: Site, position: int) -> tuple[int, ...]:
    """Of an operand, without the batch; a constant has none, or one of 1."""
    shape = tuple(site.operands[position].shape)
    is_constant = site.constant is not None and site.constant.position == position
    rank = len(site.operands[1 - position].shape)
    return shape if is_constant and len(shape) < rank else shape[1:]


def _inside(real: Any, scale: Any, lowest: Any, highest: Any) -> Any:
    steps = real / scale
    return tf.logical_and(steps >= lowest, steps <= highest)


def _xnnpack_sum(pair: list[Any], scales: Any, sign: int) -> Any:
    ratios = scales[:2] / scales[2]
    exponent = tf.bitwise.right_shift(tf.bitcast(tf.reduce_max(ratios), tf.int32), 23) - 127
    shift = tf.cast(_LEFT_SHIFT - exponent, tf.int64)
    multipliers = tf.cast(tf.round(tf.cast(ratios, tf.float64) * power_of_two(shift)), tf.int64)
    total = pair[0] * multipliers[0] + sign * pair[1] * multipliers[1]
    return tf.bitwise.right_shift(total + tf.bitwise.left_shift(tf.ones_like(shift), shift - 1), shift)


def _litert_sum(pair: list[Any], scales: Any, sign: int, zero_point: Any, *, vectors: NDArray[np.bool_] | None) -> Any:
    exact = tf.cast(scales, tf.float64)
    twice = 2.0 * tf.reduce_max(exact[:2])
    mantissas, shifts = quantize_multiplier(
        tf.stack([exact[0] / twice, exact[1] / twice, twice / (2.0**_LEFT_SHIFT * exact[2])])
    )
    lifted = [tf.bitwise.left_shift(steps, tf.constant(_LEFT_SHIFT, tf.int64)) for steps in pair]
    parts = [multiply(steps, mantissas[i], shifts[i], ties_up=False) for i, steps in enumerate(lifted)]
    one_by_one = multiply(parts[0] + sign * parts[1], mantissas[2], shifts[2], ties_up=False)
    if vectors is None:
        return one_by_one
    # Within vectors the inputs are rounded but once, and the sum is held in 16 bits.
    parts = [high_multiply(tf.bitwise.right_shift(steps, -shifts[i]), mantissas[i]) for i, steps in enumerate(lifted)]
    high = high_multiply(parts[0] + parts[1], mantissas[2])
    whole = tf.cast(zero_point, tf.int64)
    code = tf.cast(divide_by_power_of_two(high, -shifts[2], ties_up=False) + whole, tf.int16)
    return tf.where(vectors, tf.cast(code, tf.int64) - whole, one_by_one)
