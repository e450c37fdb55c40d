"""Choices and their candidates, the generated set's structure, and the owner's archive read."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from qat_kit.datasets.interactions import download, generated, load_choices
from qat_kit.errors import DataError


def test_the_chosen_one_is_the_only_candidate_that_the_user_ever_chose() -> None:
    dataset, choices = load_choices(num_candidates=20), generated()
    chosen = set(map(tuple, choices.tolist()))
    for split in (dataset.train.take(slice(300)), dataset.validation, dataset.test):
        users, rows = (array.astype(int) for array in split.inputs)
        for (user,), row, label in zip(users, rows, split.labels, strict=True):
            assert [place for place, item in enumerate(row) if (user, item) in chosen] == [label]
    # Each user's last choice is the test.
    last = dict(choices.tolist())
    picked = dataset.test.inputs[1][np.arange(len(dataset.test)), dataset.test.labels]
    assert picked.astype(int).tolist() == list(last.values())
    assert len(dataset.train) == len(choices) - 2 * len(last)


def test_the_generated_users_have_tastes() -> None:
    choices = generated()
    tastes = np.zeros((500, 8))
    np.add.at(tastes, (choices[:, 0], choices[:, 1] % 8), 1)
    # Of 30 choices among 8 tastes, chance gives the first one about 7.
    assert np.median(tastes.max(axis=1)) > 12
    np.testing.assert_array_equal(choices, generated())


def archive(path: Path, num_ratings: int) -> str:
    lines = (f"{1 + n % 943}\t{1 + n % 1682}\t{1 + n % 5}\t{n}\n" for n in range(num_ratings))
    with zipfile.ZipFile(path, "w") as written:
        written.writestr("ml-100k/u.data", "".join(lines))
    return path.as_uri()


def test_the_owners_table_becomes_an_array(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    ratings = download(archive(tmp_path / "whole.zip", 100_000), tmp_path / "cache", md5=None)["ratings"]
    assert ratings[7].tolist() == [8, 8, 3, 7]


def test_a_table_of_another_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    with pytest.raises(DataError, match="must hold 100,000 ratings"):
        download(archive(tmp_path / "part.zip", 10), tmp_path / "cache", md5=None)


def test_an_archive_of_another_checksum_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    with pytest.raises(ValueError, match="hash"):
        download(archive(tmp_path / "part.zip", 10), tmp_path / "cache")
