"""Who or what it is, by embeddings: `Gallery` enrols, verifies 1:1 and identifies 1:N; `pairs` compares all."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qat_kit.errors import DataError, UnknownNameError
from qat_kit.measure.metrics.checking import finite


@dataclass
class Gallery:
    """Those who are known, a direction each.

    >>> gallery = Gallery()
    >>> gallery.enrol("ann", [[1.0, 0.0], [1.0, 0.2]])
    >>> gallery.enrol("bob", [[0.0, 1.0]])
    >>> gallery.identify([2.0, 0.1])[0][0], round(gallery.verify("bob", [0.0, 3.0]), 6)
    ('ann', 1.0)
    """

    known: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    def enrol(self, name: str, embeddings: ArrayLike) -> None:
        """Keeps the mean direction of a few embeddings [samples, units] under a name; a second time replaces it."""
        self.known[name] = directions(directions(embeddings).mean(axis=0)[None])[0]

    def verify(self, name: str, embedding: ArrayLike) -> float:
        """How alike an embedding [units] and the one of that name are: the cosine, −1 to 1.

        Raises UnknownNameError for a name that was not enrolled.
        """
        if name not in self.known:
            raise UnknownNameError("enrolled name", name, self.known)
        return float(self.known[name] @ directions(np.asarray(embedding)[None])[0])

    def identify(self, embedding: ArrayLike, *, least: float = -1.0) -> list[tuple[str, float]]:
        """All that are at least so alike, the most alike first: (name, cosine)."""
        found = [(name, self.verify(name, embedding)) for name in self.known]
        return sorted((each for each in found if each[1] >= least), key=lambda each: -each[1])


def directions(embeddings: ArrayLike) -> NDArray[np.float64]:
    """The vectors [samples, units] at length 1; raises DataError for one without a direction."""
    vectors = finite(embeddings, "embeddings")
    if vectors.ndim != 2:
        raise DataError(f"embeddings must be [samples, units], received {list(vectors.shape)}")
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not lengths.all():
        raise DataError(f"embedding {int(np.argmin(lengths))} is all zeros and has no direction")
    return np.asarray(vectors / lengths)


def pairs(embeddings: ArrayLike, labels: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Every two samples: their cosine, and 1 where their labels are the same.

    >>> scores, same = pairs([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]], [7, 7, 8])
    >>> scores.tolist(), same.tolist()
    ([1.0, 0.0, 0.0], [1, 0, 0])
    """
    vectors, numbers = directions(embeddings), np.asarray(labels)
    one, two = np.triu_indices(len(vectors), k=1)
    return (vectors @ vectors.T)[one, two], (numbers[one] == numbers[two]).astype(np.int64)
