"""MNIST, Fashion-MNIST and CIFAR-10, split once and for all.

Their test sets are their owners'. Of the training samples, some are kept apart for validation; calibration looks at
some of those that train.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.datasets.splits import Dataset, Split, published
from qat_kit.datasets.store import Arrays, PublicDataset
from qat_kit.manifest import Preprocessing

# The split is part of the dataset: changing it makes figures incomparable.
_VALIDATION, _CALIBRATION = 2000, 512
_SPLIT_SEED = 1998

_DIGITS = tuple(str(digit) for digit in range(10))
_CLOTHES = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
_THINGS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def load_mnist() -> Dataset:
    """Handwritten digits, images [samples, 28, 28, 1] in 0…1: 58,000 to train, 2,000 to validate, 10,000 to test.

    Source: Y. LeCun, C. Cortes and C. J. C. Burges, The MNIST database (1998), CC BY-SA 3.0.
    """
    return _split(_public("mnist", (28, 28), "CC BY-SA 3.0").load(), _DIGITS)


def load_fashion_mnist() -> Dataset:
    """Pictures of clothes, in the shapes and counts of MNIST.

    Source: H. Xiao, K. Rasul and R. Vollgraf, Fashion-MNIST, arXiv:1708.07747, MIT licence.
    """
    return _split(_public("fashion_mnist", (28, 28), "MIT").load(), _CLOTHES)


def load_cifar10() -> Dataset:
    """Photographs, images [samples, 32, 32, 3] in 0…1: 48,000 to train, 2,000 to validate, 10,000 to test.

    Source: A. Krizhevsky, Learning multiple layers of features from tiny images (2009); no formal licence.
    """
    return _split(_public("cifar10", (32, 32, 3), "none stated; cite Krizhevsky 2009").load(), _THINGS)


def _public(name: str, shape: tuple[int, ...], licence: str) -> PublicDataset:
    def download() -> Arrays:
        # Keras knows these three, their checksums and how to show progress, and keeps them in its cache.
        import tf_keras

        train, test = getattr(tf_keras.datasets, name).load_data()
        return {"x_train": train[0], "y_train": train[1], "x_test": test[0], "y_test": test[1]}

    shapes = {"x_train": shape, "x_test": shape}
    return PublicDataset(name=name, origin=f"keras.datasets.{name}", licence=licence, shapes=shapes, download=download)


def _split(arrays: Arrays, class_names: tuple[str, ...]) -> Dataset:
    return published(
        _samples(arrays["x_train"], arrays["y_train"]),
        _samples(arrays["x_test"], arrays["y_test"]),
        validation=_VALIDATION,
        calibration=_CALIBRATION,
        seed=_SPLIT_SEED,
        class_names=class_names,
        preprocessing=Preprocessing(
            kind="image", std=(255.0,), color_space="rgb" if arrays["x_train"].ndim == 4 else "grayscale"
        ),
    )


def _samples(images: NDArray[Any], labels: NDArray[Any]) -> Split:
    grey = images[..., np.newaxis] if images.ndim == 3 else images
    return Split(inputs=(grey.astype(np.float32) / np.float32(255),), labels=labels.reshape(-1).astype(np.int64))
