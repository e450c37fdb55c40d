"""One's own images: their classes are folders, each in every part."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from qat_kit.datasets.folders import load_folder
from qat_kit.errors import DataError
from qat_kit.manifest import Preprocessing

STATED = Preprocessing(kind="image", mean=(127.5,), std=(127.5,), resize="crop")


def write(folder: Path, counts: dict[str, int]) -> Path:
    for value, (name, count) in enumerate(counts.items()):
        (folder / name).mkdir(parents=True)
        for index in range(count):
            image = tf.io.encode_png(np.full((12, 10, 3), 100 * value + index, np.uint8))
            (folder / name / f"{index}.png").write_bytes(image.numpy())
    return folder


def test_every_class_is_in_every_part_and_pixels_are_prepared(tmp_path: Path) -> None:
    dataset = load_folder(write(tmp_path, {"cat": 20, "dog": 40}), size=8, preprocessing=STATED)
    assert dataset.class_names == ("cat", "dog")
    parts = (dataset.train, dataset.validation, dataset.test)
    assert [np.bincount(np.asarray(part.labels)).tolist() for part in parts] == [[15, 30], [2, 4], [3, 6]]
    values = np.concatenate([part.inputs[0][:, 4, 4, 0] for part in parts]) * 127.5 + 127.5
    np.testing.assert_allclose(np.sort(values), [*range(20), *range(100, 140)], atol=1e-3)
    labels = np.concatenate([part.labels for part in parts])
    np.testing.assert_array_equal(values >= 50, labels == 1)
    assert dataset.preprocessing == STATED.model_copy(update={"color_space": "rgb"})


def test_too_few_images_are_counted(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"ten images or more each, it holds \{'cat': 12, 'dog': 3\}"):
        load_folder(write(tmp_path, {"cat": 12, "dog": 3}), size=8, preprocessing=STATED)
    with pytest.raises(DataError, match="there is no folder"):
        load_folder(tmp_path / "absent", size=8, preprocessing=STATED)
