"""Who chose what: users, items, and for each choice a row of candidates of which one was chosen.

MovieLens-100k comes from its owner, who allows research and no redistribution; for tries and tests there is a generated
set of known structure.
"""

from __future__ import annotations

import zipfile
from io import StringIO
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from qat_kit.datasets.splits import Dataset, Split
from qat_kit.datasets.store import Arrays, PublicDataset
from qat_kit.errors import DataError

ORIGIN = "https://files.grouplens.org/datasets/movielens/ml-100k.zip"
LICENCE = "research only, no redistribution; cite F. Harper and J. Konstan, ACM TiiS 5(4), 2015 (README of ml-100k)"
Source = Literal["generated", "movielens"]

# As its owner publishes it beside the file.
_MD5 = "0e33842e24a9c977be4e0107933c0723"
_NUM_RATINGS, _NUM_USERS, _NUM_ITEMS = 100_000, 943, 1682
# The split is part of the dataset: changing it makes figures incomparable.
_SEED = 100
_CALIBRATION = 512


def load_choices(*, source: Source = "generated", num_candidates: int = 100) -> Dataset:
    """User numbers [samples, 1] and item numbers [samples, candidates]; the label is the place of the chosen one.

    The last choice of each user is the test, the one before it validates; the other candidates are drawn from what the
    user never chose.
    """
    choices = generated() if source == "generated" else _movielens()
    users, items = choices[:, 0], choices[:, 1]
    num_items = int(items.max()) + 1
    random = np.random.default_rng(_SEED)
    chosen = {int(user): np.unique(items[users == user]) for user in np.unique(users)}
    ends = {user: np.flatnonzero(users == user)[-2:] for user in chosen}
    test = np.array([places[1] for places in ends.values() if len(places) == 2])
    validation = np.array([places[0] for places in ends.values() if len(places) == 2])

    def split(places: NDArray[np.intp]) -> Split:
        rows = random.integers(0, num_items, (len(places), num_candidates))
        for row, user in zip(rows, users[places], strict=True):
            while (known := np.isin(row, chosen[int(user)])).any():
                row[known] = random.integers(0, num_items, known.sum())
        labels = random.integers(0, num_candidates, len(places))
        rows[np.arange(len(places)), labels] = items[places]
        return Split(inputs=(users[places, None].astype(np.float32), rows.astype(np.float32)), labels=labels)

    train = split(np.setdiff1d(np.arange(len(choices)), np.concatenate([test, validation])))
    looked_at = np.sort(random.choice(len(train), min(_CALIBRATION, len(train)), replace=False))
    return Dataset(
        train=train,
        calibration=train.take(looked_at),
        validation=split(validation),
        test=split(test),
        calibration_indices=tuple(int(index) for index in looked_at),
    )


def counts_of(source: Source) -> tuple[int, int]:
    """How many users and items there are."""
    return (_GENERATED_USERS, _GENERATED_ITEMS) if source == "generated" else (_NUM_USERS, _NUM_ITEMS)


_GENERATED_USERS, _GENERATED_ITEMS, _GENERATED_CHOICES, _TASTES = 500, 400, 30, 8


def generated() -> NDArray[np.int64]:
    """Choices [choices, (user, item)], in time: each user has a mixture of 8 tastes, and each item is for one of them.

    An item is taken with probability proportional to the user's share of its taste, times its own popularity, which
    falls like 1 / rank within the taste. The best that can be known is thus known.
    """
    random = np.random.default_rng(_SEED)
    tastes = random.dirichlet(np.full(_TASTES, 0.2), _GENERATED_USERS)
    popularity = 1 / (1 + np.arange(_GENERATED_ITEMS) // _TASTES)
    shares = tastes[:, np.arange(_GENERATED_ITEMS) % _TASTES] * popularity
    # The largest of share-scaled exponential races are draws without replacement (Efraimidis and Spirakis 2006).
    keys = np.log(random.random(shares.shape)) / np.maximum(shares, 1e-12)
    taken = np.argsort(-keys, axis=1)[:, :_GENERATED_CHOICES]
    users = np.repeat(np.arange(_GENERATED_USERS), _GENERATED_CHOICES)
    return np.stack([users, random.permuted(taken, axis=1).reshape(-1)], axis=1)


def _movielens() -> NDArray[np.int64]:
    """Films that users rated 4 or 5, in time."""
    arrays = PublicDataset(
        name="movielens_100k", origin=ORIGIN, licence=LICENCE, shapes={"ratings": (4,)}, download=download
    ).load()
    ratings = arrays["ratings"]
    liked = ratings[ratings[:, 2] >= 4]
    liked = liked[np.argsort(liked[:, 3], kind="stable")]
    return np.asarray(liked[:, :2] - 1, np.int64)


def download(origin: str = ORIGIN, cache: Path | None = None, md5: str | None = _MD5) -> Arrays:
    """The owner's table, kept in Keras' cache: `ratings` [100000, (user, item, rating, time)], numbers from 1.

    Raises DataError when the archive is of another version.
    """
    import tf_keras

    path = tf_keras.utils.get_file("ml-100k.zip", origin, file_hash=md5, cache_dir=cache)
    with zipfile.ZipFile(path) as archive:
        text = archive.read("ml-100k/u.data").decode()
    ratings: NDArray[Any] = np.loadtxt(StringIO(text), dtype=np.int64, ndmin=2)
    if ratings.shape != (_NUM_RATINGS, 4):
        raise DataError(f"{origin} must hold {_NUM_RATINGS:,} ratings of four columns, it holds {list(ratings.shape)}")
    return {"ratings": ratings}
