"""Words that a model heard or read: word and character error rate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qat_kit.errors import DataError
from qat_kit.measure.metrics.checking import same_count
from qat_kit.measure.metrics.types import Cases, Metric, TaskMetrics


def cases(answers: Sequence[str], truth: Sequence[str]) -> Cases:
    """`words` and `characters` [transcripts, (errors, length of the truth)].

    Words are what stands between blanks; letters are compared as they are. Raises DataError for counts that differ, and
    where the truth of a transcript is empty.
    """
    same_count(answers, truth, "transcripts")
    strange = next((text for text in (*answers, *truth) if not isinstance(text, str)), None)
    if strange is not None:
        raise DataError(f"transcripts must be text, received {type(strange).__name__}")
    empty = next((place for place, text in enumerate(truth) if not text.split()), None)
    if empty is not None:
        raise DataError(f"the truth of transcript {empty} is empty, so no error rate can be had of it")
    pairs = list(zip(answers, truth, strict=True))
    return {
        "words": np.array([[edits(a.split(), b.split()), len(b.split())] for a, b in pairs]),
        "characters": np.array([[edits(a, b), len(b)] for a, b in pairs]),
    }


def edits(answer: Sequence[str], truth: Sequence[str]) -> int:
    """The fewest insertions, deletions and substitutions that lead from one to the other.

    Source: Levenshtein 1966; Wagner, Fischer 1974, Journal of the ACM 21, 168–173.

    >>> edits("kitten", "sitting")
    3
    """
    row = list(range(len(truth) + 1))
    for count, mine in enumerate(answer, 1):
        diagonal, row[0] = row[0], count
        for place, theirs in enumerate(truth, 1):
            diagonal, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, diagonal + (mine != theirs))
    return row[-1]


def _rate(counts: np.ndarray) -> float:
    errors, length = counts.sum(axis=0)
    return float(errors / length)


TASK = TaskMetrics(
    name="transcripts",
    summary="words that a model heard or read: word and character error rate",
    cases=cases,
    metrics=lambda _: (
        Metric(name="word_error_rate", kind="whole", of=lambda cases: _rate(cases["words"]), higher_is_better=False),
        Metric(
            name="character_error_rate",
            kind="whole",
            of=lambda cases: _rate(cases["characters"]),
            higher_is_better=False,
        ),
        Metric(name="right_transcripts", kind="proportion", of=lambda cases: cases["words"][:, 0] == 0),
    ),
)
