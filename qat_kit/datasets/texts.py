"""Short texts as rows of word numbers, for a model whose first layer is an Embedding.

Source of banking77: I. Casanueva, T. Temčinas, D. Gerz, M. Henderson and I. Vulić, Efficient Intent Detection with Dual
Sentence Encoders, arXiv:2003.04807, CC BY 4.0.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.datasets.splits import Dataset, Split, published
from qat_kit.datasets.store import Arrays, PublicDataset
from qat_kit.errors import DataError
from qat_kit.manifest import Preprocessing, Words

ORIGIN = "https://raw.githubusercontent.com/PolyAI-LDN/task-specific-datasets/master/banking_data"

# The two numbers that are no word's.
PADDING, UNKNOWN = 0, 1

_COUNTS = {"train": 10003, "test": 3080}
# The split is part of the dataset: changing it makes figures incomparable.
_VALIDATION, _CALIBRATION = 500, 500
_SPLIT_SEED = 77
_WORD = re.compile(r"[a-z0-9]+|[?£$€]")


def load_banking77(*, num_words: int = 2000, length: int = 32) -> Dataset:
    """Customers' questions to a bank as word numbers, [samples, length] below `num_words`, and 77 intents.

    The words are the most frequent of the training texts. 9,503 samples to train, 500 to validate, 3,080 to test.
    """
    arrays = PublicDataset(
        name="banking77", origin=ORIGIN, licence="CC BY 4.0", shapes={"x_train": (), "x_test": ()}, download=download
    ).load()
    texts = {purpose: [text.decode() for text in arrays[f"x_{purpose}"]] for purpose in _COUNTS}
    words = vocabulary(texts["train"], num_words=num_words)

    def split(purpose: str) -> Split:
        rows = word_numbers(texts[purpose], words, length=length)
        return Split(inputs=(rows.astype(np.float32),), labels=arrays[f"y_{purpose}"].astype(np.int64))

    return published(
        split("train"),
        split("test"),
        validation=_VALIDATION,
        calibration=_CALIBRATION,
        seed=_SPLIT_SEED,
        class_names=tuple(str(name) for name in arrays["class_names"]),
        preprocessing=Preprocessing(words=Words(pattern=_WORD.pattern, vocabulary=tuple(words))),
    )


def vocabulary(texts: Sequence[str], *, num_words: int) -> dict[str, int]:
    """The most frequent words and their numbers, from 2 to `num_words` − 1; equally frequent ones by their letters.

    >>> vocabulary(["pay my card", "my card?", "my"], num_words=5)
    {'my': 2, 'card': 3, '?': 4}
    """
    counts = Counter(word for text in texts for word in _WORD.findall(text.lower()))
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    return {word: number for number, word in enumerate(ranked[: num_words - 2], start=2)}


def word_numbers(texts: Sequence[str], words: dict[str, int], *, length: int) -> NDArray[np.int32]:
    """Each text's words by number, [texts, length]: 1 for an unknown word, 0 behind the last; longer texts are cut.

    >>> word_numbers(["My new card"], {"my": 2, "card": 3}, length=5)
    array([[2, 1, 3, 0, 0]], dtype=int32)
    """
    rows = np.full((len(texts), length), PADDING, np.int32)
    for row, text in zip(rows, texts, strict=True):
        numbers = [words.get(word, UNKNOWN) for word in _WORD.findall(text.lower())[:length]]
        row[: len(numbers)] = numbers
    return rows


def download(origin: str = ORIGIN, cache: Path | None = None) -> Arrays:
    """The owners' tables, kept in Keras' cache: x_* texts in UTF-8, y_*, class_names in the order of their letters.

    Raises DataError when they do not hold 10,003 and 3,080 texts of 77 intents.
    """
    import tf_keras

    tables: dict[str, list[dict[str, str]]] = {}
    for purpose in _COUNTS:
        path = tf_keras.utils.get_file(f"banking77_{purpose}.csv", f"{origin}/{purpose}.csv", cache_dir=cache)
        with Path(path).open(encoding="utf-8", newline="") as file:
            tables[purpose] = list(csv.DictReader(file))
    names = sorted({row["category"] for row in tables["train"]})
    counts = {purpose: len(table) for purpose, table in tables.items()}
    if counts != _COUNTS or len(names) != 77:
        raise DataError(f"{origin} must hold {_COUNTS} texts of 77 intents, it holds {counts} of {len(names)}")
    arrays: dict[str, NDArray[Any]] = {"class_names": np.array(names)}
    for purpose, table in tables.items():
        arrays[f"x_{purpose}"] = np.array([row["text"].encode() for row in table])
        arrays[f"y_{purpose}"] = np.array([names.index(row["category"]) for row in table])
    return arrays
