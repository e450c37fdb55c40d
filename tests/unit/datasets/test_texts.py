"""Texts as word numbers, and the owner's tables read as the arrays at hand were."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest

from qat_kit.datasets.texts import PADDING, UNKNOWN, download, load_banking77, vocabulary, word_numbers
from qat_kit.errors import DataError


def test_words_are_numbered_by_frequency_and_then_by_letters() -> None:
    assert vocabulary(["b a", "c a", "b a"], num_words=4) == {"a": 2, "b": 3}


def test_case_does_not_matter_and_signs_of_money_are_words() -> None:
    assert list(vocabulary(["Card CARD £5"], num_words=9)) == ["card", "5", "£"]


def test_long_texts_are_cut_and_short_ones_filled() -> None:
    rows = word_numbers(["a b c", "z"], {"a": 2, "b": 3, "c": 4}, length=2)
    assert rows.tolist() == [[2, 3], [UNKNOWN, PADDING]]


def test_the_real_texts(public_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QAT_KIT_DATA", str(public_data))
    dataset = load_banking77(num_words=500, length=24)
    assert [len(part) for part in (dataset.train, dataset.validation, dataset.test)] == [9503, 500, 3080]
    rows = dataset.train.inputs[0]
    assert rows.shape[1] == 24
    # An app finds the same numbers with what the manifest says.
    told = dataset.preprocessing.words
    assert told is not None
    numbers = {word: number for number, word in enumerate(told.vocabulary, start=2)}
    assert len(numbers) == 498
    texts = np.load(public_data / "banking77.npz")["x_test"]
    found = [numbers.get(word, UNKNOWN) for word in re.findall(told.pattern, texts[0].decode().lower())][:24]
    assert dataset.test.inputs[0][0, : len(found)].astype(int).tolist() == found
    assert rows.max() == 499
    assert dataset.class_names[int(np.asarray(dataset.test.labels)[0])] == "card_arrival"
    # Every text begins with a word.
    assert (rows[:, 0] != PADDING).mean() > 0.999


def write_tables(folder: Path, *, intents: int) -> str:
    folder.mkdir()
    for purpose, count in (("train", 10003), ("test", 3080)):
        with (folder / f"{purpose}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["text", "category"])
            writer.writerows(
                [f'Is "{index}", really,\nmine?', f"intent_{index % intents:02}"] for index in range(count)
            )
    return folder.as_uri()


def test_the_tables_become_arrays(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    arrays = download(write_tables(tmp_path / "source", intents=77), tmp_path / "cache")
    assert arrays["x_test"][3] == b'Is "3", really,\nmine?'
    assert arrays["y_train"][80] == 3
    assert arrays["class_names"][76] == "intent_76"


def test_tables_of_another_version_are_refused(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    with pytest.raises(DataError, match=r"texts of 77 intents, it holds .* of 60"):
        download(write_tables(tmp_path / "source", intents=60), tmp_path / "cache")
