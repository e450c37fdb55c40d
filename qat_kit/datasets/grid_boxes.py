"""Boxes on a grid, as a detector of one anchor a cell gives them, and back: `encode_boxes`, `decode_boxes`.

The cell that holds a box's middle is responsible for it. Source of the encoding: W. Liu et al., SSD, arXiv:1512.02325,
equation 2, with one square anchor a cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

# The anchor's side in pixels, in the middle of its cell.
ANCHOR = 20.0
_LEAST_SCORE, _MOST_OVERLAP, _MOST_FOUND = 0.05, 0.5, 20


def encode_boxes(boxes: Sequence[NDArray[np.float32]], *, size: int, stride: int) -> NDArray[np.float32]:
    """Pictures' boxes [n, 5] (upper, left, lower, right, class) on a grid, [pictures, cells, cells, 5].

    Of a cell: 0 where no box has its middle there, else 1 + class; then how far the middle is from the cell's, down and
    right, in anchors, and the logarithms of height and width in anchors. Of two boxes in one cell the later one stays.

    >>> grid = encode_boxes([np.array([[0, 0, 20, 20, 3]], np.float32)], size=64, stride=8)
    >>> [round(float(value), 3) for value in grid[0, 1, 1]]
    [4.0, -0.1, -0.1, 0.0, 0.0]
    """
    cells = size // stride
    grid = np.zeros((len(boxes), cells, cells, 5), np.float32)
    for picture, found in zip(grid, boxes, strict=True):
        middles, sides = (found[:, :2] + found[:, 2:4]) / 2, found[:, 2:4] - found[:, :2]
        rows, columns = np.minimum(middles // stride, cells - 1).astype(int).T
        anchors = (np.stack([rows, columns], axis=1) + 0.5) * stride
        offsets = np.concatenate([(middles - anchors) / ANCHOR, np.log(sides / ANCHOR)], axis=1)
        picture[rows, columns] = np.concatenate([1 + found[:, 4:], offsets], axis=1)
    return grid


def corners(offsets: NDArray[np.float32], *, stride: int) -> NDArray[np.float32]:
    """Upper, left, lower and right edges in pixels of every cell's box, [pictures, cells, cells, 4]."""
    cells = offsets.shape[1]
    middle = (np.arange(cells) + 0.5) * stride
    anchors = np.stack(np.meshgrid(middle, middle, indexing="ij"), axis=-1)
    middles = anchors + ANCHOR * offsets[..., :2]
    halves = ANCHOR * np.exp(np.clip(offsets[..., 2:], -4, 4)) / 2
    return np.asarray(np.concatenate([middles - halves, middles + halves], axis=-1), np.float32)


def true_boxes(grid: NDArray[np.float32], *, stride: int) -> list[dict[str, NDArray[Any]]]:
    """`boxes` and `classes` of each picture, from what `encode_boxes` made."""
    edges = corners(grid[..., 1:], stride=stride)
    return [
        {"boxes": found[held], "classes": (cells[held, 0] - 1).astype(np.int64)}
        for found, cells in zip(edges, grid, strict=True)
        for held in [cells[..., 0] > 0]
    ]


def decode_boxes(
    logits: NDArray[np.float32], offsets: NDArray[np.float32], *, stride: int
) -> list[dict[str, NDArray[Any]]]:
    """`boxes` [n, 4], `scores` and `classes` of each picture, the best 20 that do not overlap by more than half.

    logits: [pictures, cells, cells, 1 + classes], of background first; offsets: [pictures, cells, cells, 4].
    """
    scores = softmax(logits, axis=-1)[..., 1:].reshape(len(logits), -1, logits.shape[-1] - 1)
    edges = corners(offsets, stride=stride).reshape(len(logits), -1, 4)
    return [_best(boxes, table) for boxes, table in zip(edges, scores, strict=True)]


def _best(boxes: NDArray[np.float32], scores: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
    """Of each class the boxes with the highest scores, each leaving out those that it covers."""
    cells, classes = np.nonzero(scores >= _LEAST_SCORE)
    order = np.argsort(-scores[cells, classes], kind="stable")
    kept: list[tuple[int, int]] = []
    for cell, number in zip(cells[order].tolist(), classes[order].tolist(), strict=True):
        if len(kept) < _MOST_FOUND and all(
            number != other or _overlap(boxes[cell], boxes[place]) <= _MOST_OVERLAP for place, other in kept
        ):
            kept.append((cell, number))
    chosen = np.array(kept, np.int64).reshape(-1, 2)
    return {"boxes": boxes[chosen[:, 0]], "scores": scores[chosen[:, 0], chosen[:, 1]], "classes": chosen[:, 1]}


def _overlap(one: NDArray[np.float32], two: NDArray[np.float32]) -> float:
    """Intersection over union of two boxes."""
    both = np.prod(np.clip(np.minimum(one[2:], two[2:]) - np.maximum(one[:2], two[:2]), 0, None))
    areas = np.prod(one[2:] - one[:2]) + np.prod(two[2:] - two[:2])
    return float(both / (areas - both))
