"""Exact sums of products of integers on TensorFlow's float32 kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from qat_kit.simulation.integer.weights import WeightCodes

# float32 holds every integer below.
EXACT = 1 << 24
_LARGEST_STEP, _LARGEST_WEIGHT = 255, 127
# More products in a sum than this, and no digit of an input is small enough.
LARGEST_SUM = EXACT // (2 * _LARGEST_WEIGHT) - 1


def accumulators(
    products: Callable[[Any, Any], Any], steps: Any, weights: WeightCodes, *, num_products: int, dtype: Any
) -> Any:
    """`products(steps, kernel) + bias`, exact, as int32; or as float32, rounded once where it exceeds 2²⁴.

    products: a bilinear layer; num_products: how many go into one of its sums. While 255 · Σ|w| + |bias| < 2²⁴ for
    every channel, each partial sum in whatever order is an integer that float32 holds, and one run of the layer does.
    Else the inputs are cut into digits, so small that the sums over each digit are exact whatever the weights, and
    these sums are added in int32, in which the file's kernels add too: a layer of up to 8,256 products runs twice.
    """
    bias = weights.bias
    bound = tf.reduce_max(_LARGEST_STEP * tf.cast(weights.sums, tf.float64) + tf.abs(bias))

    def at_once() -> Any:
        return tf.cast(tf.nn.bias_add(products(steps, weights.kernel), tf.cast(bias, tf.float32)), dtype)

    def in_digits() -> Any:
        total = _sum_of_digits(lambda digit: tf.cast(products(digit, weights.kernel), tf.int32), steps, num_products)
        return tf.cast(total + tf.cast(bias, tf.int32), dtype)

    return tf.cond(bound < EXACT, at_once, in_digits)


def _sum_of_digits(products: Callable[[Any], Any], steps: Any, num_products: int) -> Any:
    """Σ base^k · products(digit k of the steps); digits lie within ±base, of which base · 127 · num_products < 2²⁴."""
    base = 1 << ((EXACT - 1) // (_LARGEST_WEIGHT * num_products)).bit_length() - 1
    parts, largest, factor, rest = [], _LARGEST_STEP, 1, steps
    while largest > base:
        above = tf.floor(rest / base)
        parts.append(factor * products(rest - base * above))
        largest, factor, rest = largest // base + 1, factor * base, above
    parts.append(factor * products(rest))
    return tf.add_n(parts)
