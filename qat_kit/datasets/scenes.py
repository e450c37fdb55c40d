"""Scenes composed from MNIST's real digits, for tasks that ask where something is: their truth is known to the pixel.

A scene has 64×64 pixels in four quarters; each may hold one digit, scaled and somewhere in it, over a slope of grey and
noise. Digits of MNIST's test set are in test scenes alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.datasets.grid_boxes import encode_boxes
from qat_kit.datasets.pictures import load_mnist
from qat_kit.datasets.splits import Dataset, Split
from qat_kit.manifest import Preprocessing

SIZE, DIGIT = 64, 28
_QUARTER = SIZE // 2
_TEST_SCENES, _VALIDATION_SCENES, _CALIBRATION_SCENES = 1000, 200, 200
_SEED = 64
# A pixel of a digit is one that is at least this bright in it.
_INK = 0.3
BACKGROUND = "background"


def load_segmented_scenes(*, num_train: int = 4000, most: int | None = None) -> Dataset:
    """Scenes [samples, 64, 64, 1] and a class for every pixel [samples, 64, 64]: 0 background, else 1 + the digit.

    most: at most so many scenes of each split.
    """
    made = _scenes(num_train, most)

    def split(pictures: NDArray[Any], maps: NDArray[Any], boxes: list[NDArray[Any]]) -> Split:
        del boxes
        return Split(inputs=(pictures,), labels=maps)

    return _dataset({purpose: split(*parts) for purpose, parts in made.items()}, background=True)


def load_detected_scenes(*, num_train: int = 4000, most: int | None = None, stride: int = 8) -> Dataset:
    """Scenes [samples, 64, 64, 1] and their digits' boxes as `encode_boxes` lays them on a grid, once for each output.

    stride: of the grid, in pixels. most: at most so many scenes of each split.
    """
    made = _scenes(num_train, most)

    def split(pictures: NDArray[Any], maps: NDArray[Any], boxes: list[NDArray[Any]]) -> Split:
        del maps
        grid = encode_boxes(boxes, size=SIZE, stride=stride)
        return Split(inputs=(pictures,), labels=(grid, grid))

    return _dataset({purpose: split(*parts) for purpose, parts in made.items()}, background=False)


def _dataset(splits: dict[str, Split], *, background: bool) -> Dataset:
    train = splits["train"]
    count = min(_CALIBRATION_SCENES, len(train))
    digits = tuple(str(digit) for digit in range(10))
    return Dataset(
        train=train,
        calibration=train.take(slice(count)),
        validation=splits["validation"],
        test=splits["test"],
        calibration_indices=tuple(range(count)),
        class_names=(BACKGROUND, *digits) if background else digits,
        preprocessing=Preprocessing(kind="image", std=(255.0,), color_space="grayscale"),
    )


Scenes = tuple[NDArray[np.float32], NDArray[np.int64], list[NDArray[np.float32]]]


def _scenes(num_train: int, most: int | None) -> dict[str, Scenes]:
    digits = load_mnist()
    counts = {"train": num_train, "validation": _VALIDATION_SCENES, "test": _TEST_SCENES}
    return {
        purpose: compose(getattr(digits, purpose), count if most is None else min(count, most), seed=seed)
        for seed, (purpose, count) in enumerate(counts.items(), start=_SEED)
    }


def compose(digits: Split, count: int, *, seed: int) -> Scenes:
    """(Pictures [count, 64, 64, 1] of 0 to 1, classes of pixels [count, 64, 64], a scene's boxes [digits, 5]).

    A box is its upper, left, lower and right edge in pixels, and the digit. The same seed gives the same scenes.
    """
    random = np.random.default_rng(seed)
    pictures = _backgrounds(count, random)
    maps = np.zeros((count, SIZE, SIZE), np.int64)
    boxes: list[NDArray[np.float32]] = []
    for picture, classes in zip(pictures, maps, strict=True):
        held = np.flatnonzero(random.random(4) < 0.6)
        found = []
        for quarter in held if len(held) else [random.integers(4)]:
            place = int(random.integers(len(digits)))
            digit = _shrunk(digits.inputs[0][place, :, :, 0], int(random.integers(18, DIGIT + 1)))
            free = _QUARTER - len(digit)
            row, column = (_QUARTER * np.array(divmod(int(quarter), 2)) + random.integers(0, free + 1, 2)).tolist()
            part = slice(row, row + len(digit)), slice(column, column + len(digit))
            picture[part] = np.maximum(picture[part], random.uniform(0.6, 1.0) * digit)
            ink = digit >= _INK
            label = int(digits.labels[place])
            classes[part][ink] = 1 + label
            rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
            found.append([row + rows[0], column + columns[0], row + rows[-1] + 1, column + columns[-1] + 1, label])
        boxes.append(np.array(found, np.float32))
    return pictures[..., np.newaxis], maps, boxes


def _backgrounds(count: int, random: np.random.Generator) -> NDArray[np.float32]:
    """A slope from one grey to another in some direction, and noise."""
    rows, columns = np.meshgrid(np.linspace(0, 1, SIZE), np.linspace(0, 1, SIZE), indexing="ij")
    slopes = random.uniform(-0.15, 0.15, (2, count, 1, 1))
    grey = 0.2 + slopes[0] * (rows - 0.5) + slopes[1] * (columns - 0.5)
    grey += 0.04 * random.standard_normal((count, SIZE, SIZE))
    return np.asarray(np.clip(grey, 0, 1), np.float32)


def _shrunk(digit: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """The digit at another size, by bilinear interpolation at the middles of its new pixels."""
    middles = (np.arange(size) + 0.5) * len(digit) / size - 0.5
    low = np.clip(np.floor(middles).astype(int), 0, len(digit) - 2)
    share = np.clip(middles - low, 0, 1).astype(np.float32)
    for _ in range(2):
        digit = (digit[low] * (1 - share)[:, None] + digit[low + 1] * share[:, None]).T
    return digit
