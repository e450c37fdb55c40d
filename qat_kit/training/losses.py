"""The loss that goes with a task, one value a sample."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf
import tf_keras

from qat_kit.errors import SettingsError
from qat_kit.vocabulary import Scores, Task

Loss = Callable[[Any, Any], Any]


def joint_loss(losses: Sequence[Loss]) -> Loss:
    """The sum of the losses of all outputs; (tuple of labels, list of outputs) → loss of each sample.

    One loss is returned as it is, and takes labels and output themselves.
    """
    if len(losses) == 1:
        return losses[0]

    def joint(labels: Any, outputs: Any) -> Any:
        each = [loss(label, output) for loss, label, output in zip(losses, labels, outputs, strict=True)]
        # A loss of an image may have a value a pixel.
        return tf.add_n([tf.reduce_mean(tf.reshape(loss, (tf.shape(loss)[0], -1)), axis=1) for loss in each])

    return joint


def loss_for(task: Task, scores: Scores) -> Loss:
    """(labels, outputs) → loss of each sample.

    Cross-entropy for classification and segmentation (there the mean over pixels), squared error for regression, for
    pictures and for what reproduces its input (anomaly). Labels of classes are integers; a single output is the score
    of class 1 of two. Raises SettingsError for a task that has no loss of its own.
    """
    if task in ("regression", "pictures", "anomaly"):
        return _squared_error
    if task not in ("classification", "segmentation"):
        raise SettingsError(f"there is no one loss for the task {task!r}: say which, as (labels, outputs) → loss")
    from_logits = scores == "logits"

    def cross_entropy(labels: Any, outputs: Any) -> Any:
        if outputs.shape[-1] == 1:
            binary = tf.cast(tf.reshape(labels, tf.shape(outputs)), outputs.dtype)
            return tf_keras.losses.binary_crossentropy(binary, outputs, from_logits=from_logits)
        return tf_keras.losses.sparse_categorical_crossentropy(labels, outputs, from_logits=from_logits)

    if task == "classification":
        return cross_entropy
    return lambda labels, outputs: tf.reduce_mean(cross_entropy(labels, outputs), axis=(1, 2))


def _squared_error(labels: Any, outputs: Any) -> Any:
    error = tf.cast(tf.reshape(labels, tf.shape(outputs)), outputs.dtype) - outputs
    return tf.reduce_mean(tf.square(error), axis=list(range(1, error.shape.rank)))
