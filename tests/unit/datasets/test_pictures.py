"""MNIST as its owners publish it, split without overlap."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qat_kit.datasets import Dataset, load_mnist


@pytest.fixture(scope="module")
def mnist(public_data: Path) -> Dataset:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QAT_KIT_DATA", str(public_data))
        return load_mnist()


def test_counts_and_ranges(mnist: Dataset) -> None:
    assert [len(split) for split in (mnist.train, mnist.validation, mnist.calibration, mnist.test)] == [
        58000,
        2000,
        512,
        10000,
    ]
    images = mnist.test.inputs[0]
    assert images.shape[1:] == (28, 28, 1)
    assert images.dtype == np.float32
    assert images.min() == 0.0
    assert images.max() == 1.0


def test_the_test_set_keeps_its_order(mnist: Dataset) -> None:
    assert np.asarray(mnist.test.labels)[:5].tolist() == [7, 2, 1, 0, 4]


def test_validation_is_not_trained_on_and_calibration_is(mnist: Dataset) -> None:
    def rows(images: np.ndarray) -> set[bytes]:
        return {image.tobytes() for image in images}

    trained = rows(mnist.train.inputs[0])
    assert rows(mnist.calibration.inputs[0]) <= trained
    # MNIST holds no picture twice.
    assert not rows(mnist.validation.inputs[0]) & trained


def test_each_class_validates_in_proportion(mnist: Dataset) -> None:
    shares = np.bincount(np.asarray(mnist.validation.labels)) / 2000
    np.testing.assert_allclose(shares, np.bincount(np.asarray(mnist.train.labels)) / 58000, atol=1e-3)


def test_a_quick_look_takes_evenly_spaced_samples(mnist: Dataset) -> None:
    few = mnist.at_most(100)
    assert [len(split) for split in (few.train, few.validation, few.calibration, few.test)] == [100] * 4
    np.testing.assert_array_equal(few.test.inputs[0][-1], mnist.test.inputs[0][-1])
    assert few.calibration_indices[0] == mnist.calibration_indices[0]
    assert len(few.calibration_indices) == 100
