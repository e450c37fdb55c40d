"""Integers forward, the fake simulation's gradient backward."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def straight_through(integer: Callable[..., tuple[Any, Any]], real: Callable[..., Any], *tensors: Any) -> Any:
    """`integer(*tensors)` with the gradient of `real(*tensors)`.

    integer: returns the value, and where it lies within the range of its codes (booleans, or None for everywhere):
    elsewhere nothing goes back. real: a differentiable function of the same tensors and with the same shape. It runs
    only while the gradient is taken; in a graph, only the part of it that the gradient reads.

    Source: Bengio et al. 2013, arXiv:1308.3432 (the straight-through estimator).

    >>> x = tf.constant([0.4, 2.6])
    >>> with tf.GradientTape() as tape:
    ...     tape.watch(x)
    ...     y = straight_through(lambda x: (tf.round(x), x < 1), lambda x: 3 * x, x)
    >>> y.numpy().tolist(), tape.gradient(y, x).numpy().tolist()
    ([0.0, 3.0], [3.0, 0.0])
    """

    @tf.custom_gradient
    def attached(*tensors: Any) -> tuple[Any, Callable[[Any], Any]]:
        value, inside = integer(*tensors)

        def gradient(upstream: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(tensors)
                smooth = real(*tensors)
            if inside is not None:
                upstream = tf.where(inside, upstream, tf.zeros((), upstream.dtype))
            return tape.gradient(
                smooth, list(tensors), output_gradients=upstream, unconnected_gradients=tf.UnconnectedGradients.ZERO
            )

        return value, gradient

    return attached(*tensors)
