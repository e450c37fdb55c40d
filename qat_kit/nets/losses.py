"""Losses of recipes whose task has none of its own, (labels, outputs) → one value a sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tf_keras


def weighted_cross_entropy(labels: Any, logits: Any, weights: Sequence[float]) -> Any:
    """Cross-entropy of class numbers, times the weight of the right class.

    >>> loss = weighted_cross_entropy(tf.constant([1]), tf.constant([[0.0, 0.0]]), (1.0, 2.0))
    >>> round(float(loss[0]), 3)
    1.386
    """
    losses = tf_keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
    return losses * tf.gather(tf.constant(weights, losses.dtype), tf.cast(labels, tf.int32))


def contrastive(labels: Any, embeddings: Any, *, temperature: float = 0.1) -> Any:
    """How far each sample's likes in the batch are, beside all others: supervised contrastive loss.

        −mean over likes p of log(exp(z·z_p / T) / Σ_{a ≠ i} exp(z·z_a / T)), z of length 1

    A sample without its like in the batch counts 0. embeddings: [batch, units], scaled to length 1 here.
    Source: P. Khosla et al., Supervised Contrastive Learning, arXiv:2004.11362, equation 2.
    """
    units = tf.math.l2_normalize(embeddings, axis=1)
    alone = tf.eye(tf.shape(units)[0], dtype=units.dtype)
    alike = tf.matmul(units, units, transpose_b=True) / temperature - 1e9 * alone
    numbers = tf.reshape(labels, (-1,))
    likes = tf.cast(numbers[:, None] == numbers[None, :], units.dtype) - alone
    counts = tf.maximum(tf.reduce_sum(likes, axis=1), 1.0)
    return -tf.reduce_sum(likes * tf.nn.log_softmax(alike, axis=1), axis=1) / counts


def found_classes(grid: Any, logits: Any, *, weight: float = 4.0) -> Any:
    """Cross-entropy of a detector's cells; those that hold a box count `weight` times. grid: of `encode_boxes`."""
    labels = tf.cast(grid[..., 0], tf.int32)
    losses = tf_keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
    return tf.reduce_mean(losses * tf.where(labels > 0, weight, 1.0), axis=(1, 2))


def found_boxes(grid: Any, offsets: Any) -> Any:
    """Smooth L1 distance of a detector's boxes in the cells that hold one, the mean over those of a picture.

    Source: R. Girshick, Fast R-CNN, arXiv:1504.08083, equation 3, with its bend at 0.1.
    """
    held = tf.cast(grid[..., 0] > 0, offsets.dtype)
    away = tf.abs(grid[..., 1:] - offsets)
    smooth = tf.where(away < 0.1, 5.0 * away * away, away - 0.05)
    return tf.reduce_sum(held * tf.reduce_sum(smooth, axis=-1), axis=(1, 2)) / tf.maximum(
        tf.reduce_sum(held, axis=(1, 2)), 1.0
    )


def chosen_one(labels: Any, logits: Any) -> Any:
    """Cross-entropy of the candidate that was chosen, by its place."""
    return tf_keras.losses.sparse_categorical_crossentropy(tf.cast(labels, tf.int32), logits, from_logits=True)
