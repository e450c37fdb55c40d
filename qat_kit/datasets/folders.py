"""A folder of one's own images, a subfolder a class, as a dataset."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from qat_kit.datasets.pictures import load_fashion_mnist
from qat_kit.datasets.sources import open_source
from qat_kit.datasets.splits import Dataset, Split, stratified_indices
from qat_kit.errors import DataError
from qat_kit.manifest import Preprocessing

# The split is part of the dataset: changing it makes figures incomparable.
_SHARES = {"test": 0.15, "validation": 0.1}
_CALIBRATION, _SPLIT_SEED, _TRIES = 128, 7, 300


def load_folder(folder: Path, *, size: int, preprocessing: Preprocessing) -> Dataset:
    """The images of a folder, [samples, size, size, 3], prepared as stated; 75 % train, 10 % validate, 15 % test.

    Their classes are its subfolders; each is in every part in proportion. All of them are read into memory.
    Raises DataError where there are not two subfolders, or one has fewer than ten images.
    """
    folder = folder.expanduser()
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}: data=DIR takes one with a subfolder of images for each class")
    source = open_source(folder, {"image": (size, size, 3)}, preprocessing=preprocessing)
    labels = source.labels
    names = tuple(sorted(path.name for path in folder.iterdir() if path.is_dir() and any(path.rglob("*.*"))))
    if labels is None or len(names) < 2 or np.bincount(labels).min() < 10:
        counts = {} if labels is None else dict(zip(names, np.bincount(labels).tolist(), strict=False))
        raise DataError(f"{folder} must hold two subfolders or more with ten images or more each, it holds {counts}")
    images = source.read(np.arange(source.size))
    everything = Split(inputs=images.inputs, labels=labels.astype(np.int64))
    return _divided(everything, names, source.preprocessing)


def load_tries(*, size: int, preprocessing: Preprocessing) -> Dataset:
    """300 pictures of clothes in colour's form, [300, size, size, 3], to try a recipe for folders without one."""
    import tensorflow as tf

    clothes = load_fashion_mnist()
    few = clothes.train.take(slice(_TRIES))
    images = np.repeat(tf.image.resize(few.inputs[0] * 255.0, (size, size)).numpy(), 3, axis=-1)
    mean, std = np.asarray(preprocessing.mean, np.float32), np.asarray(preprocessing.std, np.float32)
    stated = preprocessing.model_copy(update={"kind": "image", "color_space": "rgb"})
    return _divided(Split(inputs=((images - mean) / std,), labels=few.labels), clothes.class_names, stated)


def _divided(everything: Split, names: tuple[str, ...], preprocessing: Preprocessing) -> Dataset:
    labels = np.asarray(everything.labels)
    counts = [max(len(names), round(share * len(labels))) for share in _SHARES.values()]
    test, validation, train = stratified_indices(labels, [*counts, len(labels) - sum(counts)], seed=_SPLIT_SEED)
    looked_at = np.sort(np.random.default_rng(_SPLIT_SEED).permutation(train)[:_CALIBRATION])
    return Dataset(
        train=everything.take(train),
        calibration=everything.take(looked_at),
        validation=everything.take(validation),
        test=everything.take(test),
        calibration_indices=tuple(int(index) for index in looked_at),
        class_names=names,
        preprocessing=preprocessing,
    )
