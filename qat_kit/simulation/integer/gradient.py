"""Integers forward, the fake simulation's gradient backward."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
            if inside is not None:
                upstream = tf.where(inside, upstream, tf.zeros((), upstream.dtype))
            return _gradients(real, tensors, upstream)

        return value, gradient

    return attached(*tensors)


def straight_through_quantizer(
    integer: Callable[..., tuple[Any, Any]],
    real: Callable[..., Any],
    quantizer: Callable[..., Any],
    tensors: Sequence[Any],
    ranges: Sequence[Any],
) -> Any:
    """`integer(*tensors)` with the gradient of `quantizer(real(*tensors), *ranges)`.

    For a quantizer with a gradient of its own, also to its range. integer: returns the value, and what `real` would
    return, so that only the gradient of that has to run; or None, and it runs as well.

    >>> x, end = tf.constant([0.4, 2.6]), tf.constant(2.0)
    >>> with tf.GradientTape() as tape:
    ...     tape.watch((x, end))
    ...     y = straight_through_quantizer(lambda x: (tf.round(x), 3 * x), lambda x: 3 * x, tf.minimum, [x], [end])
    >>> y.numpy().tolist(), [gradient.numpy().tolist() for gradient in tape.gradient(y, (x, end))]
    ([0.0, 3.0], [[3.0, 0.0], 1.0])
    """
    count = len(tensors)

    @tf.custom_gradient
    def attached(*given: Any) -> tuple[Any, Callable[[Any], Any]]:
        value, smooth = integer(*given[:count])

        def gradient(upstream: Any) -> Any:
            before = real(*given[:count]) if smooth is None else smooth
            upstream, *to_ranges = _gradients(quantizer, (before, *given[count:]), upstream)
            return [*_gradients(real, given[:count], upstream), *to_ranges]

        return value, gradient

    return attached(*tensors, *ranges)


def _gradients(function: Callable[..., Any], tensors: Sequence[Any], upstream: Any) -> list[Any]:
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        value = function(*tensors)
    found: list[Any] = tape.gradient(
        value, list(tensors), output_gradients=upstream, unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    return found
