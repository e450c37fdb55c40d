"""Losses worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from qat_kit.nets.losses import contrastive, found_boxes, found_classes


def test_a_batch_of_two_things_worked_by_hand() -> None:
    # Of each sample, one other is its like; directions are equal within a class and at right angles between them.
    embeddings = tf.constant([[2.0, 0.0], [1.0, 0.0], [0.0, 3.0], [0.0, 1.0]])
    losses = contrastive(tf.constant([5, 5, 8, 8]), embeddings, temperature=1.0)
    np.testing.assert_allclose(losses, np.log(np.e + 2) - 1, rtol=1e-6)
    apart = contrastive(tf.constant([5, 8, 5, 8]), embeddings, temperature=1.0)
    np.testing.assert_allclose(apart, np.log(np.e + 2), rtol=1e-6)
    assert contrastive(tf.constant([1, 2, 3, 4]), embeddings).numpy().tolist() == [0.0] * 4


def test_a_detector_pays_for_cells_with_boxes_and_for_their_places_alone() -> None:
    grid = np.zeros((2, 2, 2, 5), np.float32)
    grid[0, 0, 1] = 3, 0.5, 0, 0, 0
    logits = tf.zeros((2, 2, 2, 11))
    losses = found_classes(tf.constant(grid), logits, weight=4.0)
    np.testing.assert_allclose(losses, np.log(11) * np.array([7 / 4, 1]), rtol=1e-6)
    # Beyond the bend the distance less half of it; within, quadratic; nothing where there is no box.
    offsets = np.ones((2, 2, 2, 4), np.float32)
    offsets[0, 0, 1] = 0.5, 0.05, -1, 0
    np.testing.assert_allclose(found_boxes(tf.constant(grid), tf.constant(offsets)), [5 * 0.05**2 + 0.95, 0], rtol=1e-6)
    assert found_boxes(tf.constant(grid), tf.constant(grid[..., 1:])).numpy().sum() == pytest.approx(0)
