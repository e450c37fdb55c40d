"""The fast gradient sign method on a model whose gradient is known."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
import tf_keras

from qat_kit.keras_models import fast_gradient


def test_every_value_takes_one_step_as_the_loss_rises() -> None:
    """One dense layer of weights +1 and −1: the squared error rises along its weights, times the error's sign."""
    model = tf_keras.Sequential([tf_keras.Input((2, 2, 1)), tf_keras.layers.Flatten(), tf_keras.layers.Dense(1)])
    weights = np.array([[1.0], [-1.0], [2.0], [-3.0]])
    model.set_weights([weights, np.zeros(1)])
    pictures = np.random.default_rng(0).random((300, 2, 2, 1)).astype(np.float32)
    labels = np.where(np.arange(300) % 2, 100.0, -100.0)
    kind = fast_gradient(model, labels, lambda truth, answers: tf.square(answers[:, 0] - truth))
    found = kind.disturb(pictures, 0.25, (0.0, 2.0), None)
    signs = -np.sign(labels)[:, None] * np.sign(weights[:, 0])
    assert found.dtype == np.float32
    assert np.allclose(found - pictures, 0.5 * signs.reshape(300, 2, 2, 1), atol=1e-6)
    assert len(kind.strengths) == 5
