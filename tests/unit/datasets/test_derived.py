"""Other questions to MNIST and Fashion-MNIST: their truth, and what training must not see."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qat_kit.datasets import load_alike, load_noisy_clothes, load_strange_clothes


@pytest.fixture(scope="module")
def few_pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sets of the same names and shapes, of which a picture's upper left pixel is its class."""
    folder = tmp_path_factory.mktemp("data")
    for name, offset in (("mnist", 0), ("fashion_mnist", 100)):
        arrays = {}
        for purpose, count in (("train", 4000), ("test", 500)):
            labels = np.arange(count) % 10
            pictures = np.full((count, 28, 28), 50, np.uint8)
            pictures[:, 0, 0] = labels + offset
            arrays |= {f"x_{purpose}": pictures, f"y_{purpose}": labels}
        np.savez(folder / f"{name}.npz", **arrays)
    return folder


def test_only_the_normal_train_and_all_are_judged(few_pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QAT_KIT_DATA", str(few_pictures))
    dataset = load_strange_clothes(normal=3)
    for split in (dataset.train, dataset.calibration, dataset.validation):
        np.testing.assert_allclose(split.inputs[0][:, 0], 103 / 255, rtol=1e-6)
    np.testing.assert_array_equal(dataset.train.labels, dataset.train.inputs[0])
    strange = np.round(dataset.test.inputs[0][:, 0] * 255) != 103
    np.testing.assert_array_equal(dataset.test.labels, strange)
    assert len(dataset.calibration_indices) == len(dataset.calibration)


def test_noise_is_of_the_strength_asked_and_truth_is_clean(few_pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QAT_KIT_DATA", str(few_pictures))
    test = load_noisy_clothes(noise=0.02).test
    assert np.std(test.inputs[0] - test.labels) == pytest.approx(0.02, rel=0.01)
    np.testing.assert_allclose(test.labels[:, 5], 50 / 255, rtol=1e-6)
    np.testing.assert_array_equal(test.inputs[0], load_noisy_clothes(noise=0.02).test.inputs[0])


def test_what_is_to_be_told_apart_was_never_seen(few_pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QAT_KIT_DATA", str(few_pictures))
    dataset = load_alike()
    seen = {int(number) for number in np.unique(dataset.train.labels)}
    unseen = {int(number) for number in np.unique(dataset.test.labels)}
    assert unseen == {2, 5, 7, 13, 16, 18}
    assert seen == set(range(20)) - unseen
    assert not np.isin(dataset.calibration.inputs[0][:, 0, 0, 0] * 255, [2, 5, 7, 103, 106, 108]).any()
