"""Scenes whose truth is known to the pixel, and boxes on a grid and back."""

from __future__ import annotations

import numpy as np

from qat_kit.datasets import Split
from qat_kit.datasets.grid_boxes import decode_boxes, encode_boxes, true_boxes
from qat_kit.datasets.scenes import SIZE, compose
from qat_kit.measure.metrics import get_task, judge

# Two "digits": a filled square of label 4 and a bar of label 1.
PICTURES = np.zeros((2, 28, 28, 1), np.float32)
PICTURES[0, 4:24, 4:24] = 1
PICTURES[1, 2:26, 12:16] = 1
DIGITS = Split(inputs=(PICTURES,), labels=np.array([4, 1]))


def test_boxes_and_pixels_say_the_same() -> None:
    pictures, maps, boxes = compose(DIGITS, 40, seed=3)
    assert pictures.shape == (40, SIZE, SIZE, 1)
    assert pictures.min() >= 0
    assert pictures.max() <= 1
    for picture, classes, found in zip(pictures, maps, boxes, strict=True):
        assert 1 <= len(found) <= 4
        outside = classes.copy()
        for upper, left, lower, right, label in found.astype(int):
            held = classes[upper:lower, left:right] == 1 + label
            # All four edges of the box have ink, and nearly all within: the corners of small digits are too pale.
            assert held[[0, -1]].any(axis=1).all()
            assert held[:, [0, -1]].any(axis=0).all()
            assert held.sum() >= held.size - 4
            outside[upper:lower, left:right] = 0
        assert not outside.any()
        assert picture[classes > 0].min() > picture[classes == 0].mean()


def test_a_scene_follows_its_seed() -> None:
    first, second, other = (compose(DIGITS, 3, seed=seed)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


def test_what_is_on_the_grid_comes_back_as_the_same_boxes() -> None:
    boxes = compose(DIGITS, 20, seed=5)[2]
    grid = encode_boxes(boxes, size=SIZE, stride=8)
    for found, given in zip(true_boxes(grid, stride=8), boxes, strict=True):
        back = np.concatenate([found["boxes"], found["classes"][:, None]], axis=1)
        order, other = (np.lexsort(np.round(each).T) for each in (back, given))
        np.testing.assert_allclose(back[order], given[other], atol=1e-3)
    # A model that answers with the truth itself is right in every box.
    logits = np.where(np.arange(11) == grid[..., :1], 9.0, 0.0).astype(np.float32)
    answers = decode_boxes(logits, grid[..., 1:], stride=8)
    assert judge(get_task("detection"), answers, true_boxes(grid, stride=8), num_draws=0).figures["map"].value == 1.0


def test_of_boxes_that_cover_each_other_the_surest_stays() -> None:
    grid = encode_boxes([np.array([[20, 20, 40, 40, 2]], np.float32)], size=SIZE, stride=8)
    logits = np.full((1, 8, 8, 11), -9.0, np.float32)
    logits[..., 0] = 0
    # The cell of the box and its neighbour, which says the same place, of the same class and of another.
    logits[0, 3, 3, 3], logits[0, 3, 4, 3], logits[0, 3, 4, 5] = 3, 1, 1
    offsets = np.zeros((1, 8, 8, 4), np.float32)
    offsets[0, 3, 3] = grid[0, 3, 3, 1:]
    offsets[0, 3, 4] = grid[0, 3, 3, 1:] - np.array([0, 8 / 20, 0, 0])
    (found,) = decode_boxes(logits, offsets, stride=8)
    assert found["classes"].tolist() == [2, 4]
    np.testing.assert_allclose(found["boxes"], [[20, 20, 40, 40]] * 2, atol=1e-4)
    assert found["scores"][0] > found["scores"][1]
