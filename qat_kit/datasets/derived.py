"""Other questions put to MNIST and Fashion-MNIST: what is strange, what was clean, what is alike."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from qat_kit.datasets.pictures import load_fashion_mnist, load_mnist
from qat_kit.datasets.splits import Dataset, Split

# Classes that no training picture shows, of digits and of clothes.
_UNSEEN_DIGITS, _UNSEEN_CLOTHES = (2, 5, 7), (3, 6, 8)
_NOISE_SEED = 10


def load_strange_clothes(*, normal: int = 7) -> Dataset:
    """Fashion-MNIST as rows of 784 pixels: one class is normal (7: sneakers) and trains, all others are strange.

    Labels to train and to validate are the pictures themselves, to be reproduced; those of the test are 0 for a normal
    and 1 for a strange picture.
    """
    clothes = load_fashion_mnist()

    def rows(split: Split) -> Split:
        flat = split.inputs[0].reshape(len(split), -1)
        return Split(inputs=(flat,), labels=flat)

    def of_the_normal(split: Split) -> Split:
        return rows(split.take(np.flatnonzero(np.asarray(split.labels) == normal)))

    test = rows(clothes.test)
    chosen = np.flatnonzero(np.asarray(clothes.calibration.labels) == normal)
    return replace(
        clothes,
        train=of_the_normal(clothes.train),
        calibration=of_the_normal(clothes.calibration),
        validation=of_the_normal(clothes.validation),
        test=replace(test, labels=(np.asarray(clothes.test.labels) != normal).astype(np.int64)),
        calibration_indices=tuple(clothes.calibration_indices[index] for index in chosen),
        class_names=(),
    )


def load_noisy_clothes(*, noise: float = 0.1) -> Dataset:
    """Fashion-MNIST with Gaussian noise of that standard deviation on pixels of 0 to 1, and the clean pictures."""
    clothes = load_fashion_mnist()
    random = np.random.default_rng(_NOISE_SEED)

    def noisy(split: Split) -> Split:
        clean = split.inputs[0]
        spoilt = clean + noise * random.standard_normal(clean.shape, dtype=np.float32)
        return Split(inputs=(np.clip(spoilt, 0, 1),), labels=clean)

    return replace(
        clothes,
        train=noisy(clothes.train),
        calibration=noisy(clothes.calibration),
        validation=noisy(clothes.validation),
        test=noisy(clothes.test),
        class_names=(),
    )


def load_alike() -> Dataset:
    """MNIST and Fashion-MNIST as pictures of 20 things; three digits and three clothes are met in the test alone.

    Test labels: the unseen classes, 300 pictures of each at most. It stands for a set of faces, and is none.
    """
    digits, clothes = load_mnist(), load_fashion_mnist()
    unseen = np.array([*_UNSEEN_DIGITS, *(10 + number for number in _UNSEEN_CLOTHES)])

    def both(purpose: str) -> Split:
        one, two = getattr(digits, purpose), getattr(clothes, purpose)
        return Split(
            inputs=(np.concatenate([one.inputs[0], two.inputs[0]]),),
            labels=np.concatenate([one.labels, two.labels + 10]),
        )

    def seen(split: Split) -> Split:
        return split.take(np.flatnonzero(~np.isin(split.labels, unseen)))

    test = both("test")
    chosen = np.concatenate([np.flatnonzero(test.labels == number)[:300] for number in unseen])
    return Dataset(
        train=seen(both("train")),
        calibration=seen(both("calibration")),
        validation=seen(both("validation")),
        test=test.take(chosen),
        preprocessing=digits.preprocessing,
    )
