"""Disturbances by hand, and two files under them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qat_kit.errors import DataError
from qat_kit.measure import evaluate
from qat_kit.measure.file import measure_files
from qat_kit.measure.flips import AT_MOST, load_flips, save_flips
from qat_kit.measure.metrics import get_task
from qat_kit.measure.robustness import PERTURBATIONS, measure_robustness
from tests.support.tflite import int8_network

PICTURES = np.random.default_rng(0).random((30, 4, 4, 2), dtype=np.float32)
LABELS = np.arange(30) % 3
BY_NAME = {kind.name: kind for kind in PERTURBATIONS}


def disturbed(name: str, pictures: np.ndarray, strength: float) -> np.ndarray:
    return BY_NAME[name].disturb(pictures, strength, (0.0, 2.0), np.random.default_rng(0))


def test_disturbances_by_hand() -> None:
    row = np.arange(6.0).reshape(1, 1, 6, 1)
    assert disturbed("shift", row, 2.0).ravel().tolist() == [0, 0, 0, 1, 2, 3]
    assert disturbed("brightness", row, 0.25).ravel().tolist() == [0.5, 1.5, 2.5, 3.5, 4.5, 5.5]
    dot = np.zeros((1, 9, 9, 2))
    dot[0, 4, 4, 0] = 1.0
    blurred = disturbed("blur", dot, 1.0)
    # The middle of a Gaussian of σ = 1 on a grid of whole pixels, cut at 4; channels do not mix.
    weights = np.exp(-(np.arange(-4, 5) ** 2) / 2)
    assert blurred[0, 4, 4, 0] == pytest.approx(1 / weights.sum() ** 2)
    assert not blurred[..., 1].any()
    noise = disturbed("noise", np.zeros((1, 100, 100, 1)), 0.1)
    assert noise.std() == pytest.approx(0.2, rel=0.03)
    assert all(len(kind.strengths) == 5 and list(kind.strengths) == sorted(kind.strengths) for kind in PERTURBATIONS)


def test_two_files_under_disturbance(tmp_path: Path) -> None:
    files = tmp_path / "a.tflite", tmp_path / "b.tflite"
    for seed, path in enumerate(files):
        path.write_bytes(int8_network(seed=seed))
    np.savez(tmp_path / "data.npz", inputs=PICTURES, labels=LABELS)
    options = {"data": tmp_path / "data.npz", "scores": "probabilities", "num_runs": 1}
    measurement = measure_files(files, robustness=True, **options)
    points = measurement.robustness
    assert len(points) == 4 * 6
    plain = [point for point in points if point.strength == 0]
    assert {point.perturbation for point in plain} == set(BY_NAME)
    assert all(point.test == measurement.paired[0] for point in plain)
    blur = next(point for point in points if (point.perturbation, point.strength) == ("blur", 0.6))
    seen = np.clip(disturbed("blur", PICTURES, 0.6), PICTURES.min(), PICTURES.max())
    right = evaluate(files[1], seen).argmax(axis=1) == LABELS
    assert blur.test.differences["accuracy"].candidate == pytest.approx(right.mean())
    assert measure_files(files, robustness=True, **options).robustness == points
    with pytest.raises(DataError, match="give two files and --data"):
        measure_files(files[:1], robustness=True, **options)
    with pytest.raises(DataError, match="needs one input of pictures"):
        measure_robustness(*files, {"x": np.zeros((3, 4))}, np.zeros(3), task=get_task("classification"))


def test_flips_are_kept(tmp_path: Path) -> None:
    """Of 40 answers that changed 30 were right before: two thirds of the 24 that are kept are lost ones."""
    path = tmp_path / "flips.npz"
    inputs = np.arange(50.0)[:, None]
    before, after = np.eye(3)[np.zeros(50, int)], np.eye(3)[np.r_[np.ones(40, int), np.zeros(10, int)]]
    labels = np.r_[np.zeros(30, int), np.ones(20, int)]
    assert save_flips(path, inputs, labels, before, after) == 40
    kept = load_flips(path)
    assert len(kept["indices"]) == AT_MOST
    assert kept["indices"].tolist() == [*range(16), *range(30, 38)]
    assert kept["inputs"].ravel().tolist() == kept["indices"].tolist()
    assert (set(kept["before"]), set(kept["after"])) == ({0}, {1})
    # Few that were not lost leave more room for those that were.
    assert save_flips(path, inputs, np.r_[np.zeros(38, int), np.ones(12, int)], before, after) == 40
    assert load_flips(path)["indices"].tolist() == [*range(22), 38, 39]


def test_no_flips_are_no_file(tmp_path: Path) -> None:
    path = tmp_path / "flips.npz"
    assert save_flips(path, PICTURES, LABELS, np.eye(3)[LABELS], np.eye(3)[LABELS]) == 0
    assert not path.exists()
    with pytest.raises(DataError, match="as samples that flipped"):
        load_flips(path)
