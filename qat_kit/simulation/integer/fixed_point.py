"""`qat_kit.numerics.fixed_point` on TensorFlow: the same steps on int64 tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

# Of a float64: bits of the fraction, and what stands in its exponent for numbers within ½ and 1.
_BITS, _BIAS = 52, 1022


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Runs a function of tensors as one loop where a graph is traced, and step by step where it is not.

    For integers alone: a compiler may contract a float product and a sum into one operation that rounds once.
    """
    fused = tf.function(function, jit_compile=True, autograph=False)
    return lambda *tensors: function(*tensors) if tf.executing_eagerly() else fused(*tensors)


def quantize_multiplier(multiplier: Any) -> tuple[Any, Any]:
    """float64 multipliers, positive and below 2³⁰, as (mantissa, shift) in int64.

    >>> [int(part) for part in quantize_multiplier(tf.constant(0.25, tf.float64))]
    [1073741824, -1]
    """
    bits = tf.bitcast(multiplier, tf.int64)
    shift = tf.bitwise.right_shift(bits, _whole(_BITS)) - _BIAS
    fraction = tf.bitwise.bitwise_or(tf.bitwise.bitwise_and(bits, _whole((1 << _BITS) - 1)), _whole(1 << _BITS))
    # From 53 bits to 31, ties away from zero.
    mantissa = tf.bitwise.right_shift(fraction + (1 << 21), _whole(22))
    carried = tf.equal(mantissa, 1 << 31)
    mantissa, shift = tf.where(carried, _whole(1 << 30), mantissa), tf.where(carried, shift + 1, shift)
    lost = shift < -31
    return tf.where(lost, _whole(0), mantissa), tf.where(lost, _whole(0), shift)


def high_multiply(a: Any, b: Any) -> Any:
    """The high half of 2·a·b, ties up, for products below 2⁶²."""
    return tf.bitwise.right_shift(a * b + (1 << 30), _whole(31))


def divide_by_power_of_two(x: Any, exponent: Any, *, ties_up: Any) -> Any:
    """`round(x / 2^exponent)`; ties_up: booleans that broadcast, False where ties go away from zero."""
    half = tf.bitwise.right_shift(tf.bitwise.left_shift(_whole(1), exponent), _whole(1))
    down = tf.logical_and(tf.logical_and(x < 0, half > 0), tf.logical_not(ties_up))
    return tf.bitwise.right_shift(x + half - tf.cast(down, tf.int64), exponent)


def multiply(x: Any, mantissa: Any, shift: Any, *, ties_up: Any) -> Any:
    """`x · mantissa · 2^(shift − 31)` with double rounding, the second with ties up where `ties_up` says so.

    >>> mantissa, shift = quantize_multiplier(tf.constant(0.25, tf.float64))
    >>> [multiply(tf.constant([-10, 2, 6], tf.int64), mantissa, shift, ties_up=up).numpy().tolist()
    ...  for up in (False, True)]
    [[-3, 1, 2], [-2, 1, 2]]
    """
    shifted = tf.bitwise.left_shift(x, tf.maximum(shift, 0))
    return divide_by_power_of_two(high_multiply(shifted, mantissa), tf.maximum(-shift, 0), ties_up=ties_up)


def power_of_two(exponent: Any) -> Any:
    """2^exponent as float64, for int64 exponents.

    >>> float(power_of_two(tf.constant(-3, tf.int64)))
    0.125
    """
    return tf.bitcast(tf.bitwise.left_shift(exponent + 1023, _whole(_BITS)), tf.float64)


def _whole(value: int) -> Any:
    return tf.constant(value, tf.int64)
