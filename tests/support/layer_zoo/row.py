"""What a row of the zoo is, and the two ways in which most rows are built."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import tf_keras

from tests.support.models import IMAGE, chain, model_of, randomized


@dataclass(frozen=True, kw_only=True)
class Row:
    """One small model. family: the table it stands in. sentence: what is tried. build: makes it, the same each time."""

    family: str
    sentence: str
    build: Callable[[], Any]


def sequential(make: Callable[[], Sequence[Any]], shape: tuple[int, ...] = IMAGE) -> Callable[[], tf_keras.Model]:
    """Layers one behind the other, on one float input."""
    return lambda: model_of(chain(*make()), shape)


def of_input(build: Callable[[Any], Any], shape: tuple[int, ...] = IMAGE) -> Callable[[], tf_keras.Model]:
    """A function of one float input."""
    return lambda: model_of(build, shape)


def of_tokens(build: Callable[[Any], Any], length: int = 8) -> Callable[[], tf_keras.Model]:
    """A function of one input of token numbers below 16."""

    def make() -> tf_keras.Model:
        tokens = tf_keras.Input((length,), dtype="int32", name="tokens")
        return randomized(tf_keras.Model(tokens, build(tokens), name="pattern"))

    return make


def rows(family: str, table: dict[str, tuple[str, Callable[[], Any]]]) -> dict[str, Row]:
    """A family of rows: name → (sentence, build)."""
    return {name: Row(family=family, sentence=sentence, build=build) for name, (sentence, build) in table.items()}
