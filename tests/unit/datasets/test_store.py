"""Public datasets: found in the user's folder, got from their owner, or refused with words that help."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tf_keras

from qat_kit.datasets.store import VARIABLE, Arrays, PublicDataset
from qat_kit.errors import DataError

ARRAYS = {"x_train": np.arange(12, dtype=np.uint8).reshape(3, 2, 2), "x_test": np.zeros((1, 2, 2), np.uint8)}


def dataset(cache: Path, origin: str = "http://127.0.0.1:9/pictures.npz") -> PublicDataset:
    # Keras takes another folder where there is none.
    cache.mkdir(exist_ok=True)

    def download() -> Arrays:
        path = tf_keras.utils.get_file("pictures.npz", origin, cache_dir=cache)
        with np.load(path) as archive:
            return {name: archive[name] for name in archive.files}

    return PublicDataset(
        name="pictures",
        origin=origin,
        licence="CC0",
        shapes={"x_train": (2, 2), "x_test": (2, 2)},
        download=download,
    )


def test_the_users_folder_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez(tmp_path / "pictures.npz", **ARRAYS)
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    np.testing.assert_array_equal(dataset(tmp_path / "cache").load()["x_train"], ARRAYS["x_train"])


def test_what_is_not_there_is_downloaded_with_its_licence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez(tmp_path / "source.npz", **ARRAYS)
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    there = dataset(tmp_path / "cache", (tmp_path / "source.npz").as_uri())
    np.testing.assert_array_equal(there.load()["x_train"], ARRAYS["x_train"])
    printed = capsys.readouterr()
    assert "licence: CC0" in printed.err
    assert printed.out == ""


@pytest.mark.parametrize("has_folder", [True, False])
def test_offline_it_says_where_it_looked_and_what_to_do(
    has_folder: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    if has_folder:
        monkeypatch.setenv(VARIABLE, str(tmp_path))
    looked = f"there is no {tmp_path / 'pictures.npz'}" if has_folder else "QAT_KIT_DATA is not set"
    with pytest.raises(DataError, match="could not be downloaded") as caught:
        dataset(tmp_path / "cache").load()
    assert looked in str(caught.value)
    assert "holds pictures.npz with the arrays x_train, x_test" in str(caught.value)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"x_train": ARRAYS["x_train"]}, "has no array 'x_test'; it has \\['x_train'\\]"),
        (
            {**ARRAYS, "x_test": np.zeros((1, 2, 3))},
            "'x_test' must have the shape \\[samples, 2, 2\\], it has \\[1, 2, 3\\]",
        ),
    ],
)
def test_a_file_with_other_arrays_is_refused(
    arrays: Arrays, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.savez(tmp_path / "pictures.npz", **arrays)
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(DataError, match=words):
        dataset(tmp_path / "cache").load()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and no more", b"no archive", b"\x93NUMPY\x01\x00"])
def test_a_damaged_file_is_named(content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pictures.npz").write_bytes(content)
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(DataError, match="could not read"):
        dataset(tmp_path / "cache").load()
