"""Spoken digits as pictures, and the owner's archive read as the arrays at hand were."""

from __future__ import annotations

import tarfile
import wave
from pathlib import Path

import numpy as np
import pytest

from qat_kit.datasets import load_spoken_digits
from qat_kit.datasets.spoken_digits import SPEAKERS, download
from qat_kit.errors import DataError


def test_counts_and_shapes(public_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QAT_KIT_DATA", str(public_data))
    dataset = load_spoken_digits()
    assert [len(part) for part in (dataset.train, dataset.validation, dataset.calibration, dataset.test)] == [
        2500,
        200,
        200,
        300,
    ]
    assert dataset.train.inputs[0].shape[1:] == (49, 32, 1)
    assert np.bincount(np.asarray(dataset.test.labels)).tolist() == [30] * 10


def pack(folder: Path, *, takes: int) -> str:
    """An archive as its owners make it: every speaker's digits, `takes` times, each recording its own constant."""
    recordings = folder / "free-spoken-digit-dataset-1.0.10" / "recordings"
    recordings.mkdir(parents=True)
    for digit in range(10):
        for speaker, name in enumerate(SPEAKERS):
            for take in range(takes):
                with wave.open(str(recordings / f"{digit}_{name}_{take}.wav"), "wb") as file:
                    file.setnchannels(1)
                    file.setsampwidth(2)
                    file.setframerate(8000)
                    # Some are longer than a second, most are shorter.
                    length = 9000 if take == 7 else 500
                    file.writeframes(np.full(length, 1 + 1000 * digit + 100 * speaker + take, "<i2").tobytes())
    with tarfile.open(folder / "archive.tar.gz", "w:gz", compresslevel=1) as archive:
        archive.add(folder / "free-spoken-digit-dataset-1.0.10", "free-spoken-digit-dataset-1.0.10")
    return (folder / "archive.tar.gz").as_uri()


def test_the_archive_becomes_arrays(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    arrays = download(pack(tmp_path / "source", takes=50), tmp_path / "cache")
    assert arrays["x_train"].shape == (2700, 8000)
    assert arrays["x_test"].shape == (300, 8000)
    codes = 1000 * arrays["y_test"] + 100 * arrays["speaker_test"]
    np.testing.assert_array_equal((arrays["x_test"][:, 0] - 1 - codes), [0, 1, 2, 3, 4] * 60)
    np.testing.assert_array_equal(np.unique((arrays["x_train"] != 0).sum(axis=1)), [500, 8000])


def test_an_archive_of_another_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    with pytest.raises(DataError, match=r"must hold .* 2700.*, it holds .* 0"):
        download(pack(tmp_path / "source", takes=5), tmp_path / "cache")
