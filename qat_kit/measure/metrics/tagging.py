"""A tag for every token of a sequence: token accuracy and F1, spans, whole sequences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qat_kit.errors import DataError
from qat_kit.measure.metrics.checking import finite, integers, same_count
from qat_kit.measure.metrics.types import Cases, Details, Metric, TaskMetrics, confusion_of

# The tag of a place in a sequence where there is no token.
PADDING = -1
Span = tuple[int, int, str]


def cases(
    answers: ArrayLike, truth: ArrayLike, *, num_tags: int | None = None, tag_names: Sequence[str] | None = None
) -> Cases:
    """`confusion` [sequences, tags, tags] (row: truth); with tag_names `spans` [sequences, (right, found, wanted)].

    answers: scores [sequences, length, tags], or tag numbers [sequences, length]. truth: tag numbers, −1 for padding.
    tag_names: of an IOB2 scheme ("O", "B-PER", "I-PER", …), for figures of whole spans.
    Raises DataError where shapes differ, a tag is out of range, or a sequence has no token.
    """
    tags, wanted = np.asarray(answers), np.asarray(truth)
    if tags.ndim == 3:
        num_tags = tags.shape[2]
        tags = finite(tags, "scores").argmax(axis=2)
    same_count(tags, wanted, "sequences")
    if tags.shape != wanted.shape or tags.ndim != 2:
        raise DataError(
            f"a tag for every token is needed: answers are {list(tags.shape)} and the truth is {list(wanted.shape)}, "
            "and both must be [sequences, length]"
        )
    if num_tags is None:
        num_tags = len(tag_names) if tag_names else int(max(tags.max(), wanted.max())) + 1
    if tag_names is not None and len(tag_names) != num_tags:
        raise DataError(f"the model has {num_tags} tags and {len(tag_names)} names were given")
    kept = wanted != PADDING
    if not kept.any(axis=1).all():
        raise DataError(f"sequence {int(np.argmin(kept.any(axis=1)))} has no token: its tags are all {PADDING}")
    tags = integers(np.where(kept, tags, 0), "answers", low=0, high=num_tags)
    wanted = integers(np.where(kept, wanted, 0), "truth", low=0, high=num_tags)
    pairs = [
        np.bincount((row * num_tags + column)[here], minlength=num_tags**2)
        for row, column, here in zip(wanted, tags, kept, strict=True)
    ]
    found = {"confusion": np.stack(pairs).reshape(-1, num_tags, num_tags)}
    if tag_names is not None:
        counts = []
        for row, column, here in zip(wanted, tags, kept, strict=True):
            right, mine = (set(spans([tag_names[tag] for tag in line[here]])) for line in (row, column))
            counts.append([len(right & mine), len(mine), len(right)])
        found["spans"] = np.array(counts)
    return found


def spans(tags: Sequence[str]) -> list[Span]:
    """The spans of IOB2 tags as (first, behind the last, kind); an I- that continues nothing begins a span.

    Source: Tjong Kim Sang, De Meulder 2003, CoNLL-2003 shared task, and its scorer conlleval.

    >>> spans(["B-PER", "I-PER", "O", "I-LOC", "B-LOC"])
    [(0, 2, 'PER'), (3, 4, 'LOC'), (4, 5, 'LOC')]
    """
    made: list[Span] = []
    for place, tag in enumerate(tags):
        mark, _, kind = tag.partition("-")
        if mark == "I" and made and made[-1][1:] == (place, kind):
            made[-1] = (made[-1][0], place + 1, kind)
        elif mark in ("B", "I"):
            made.append((place, place + 1, kind))
        elif tag != "O":
            raise DataError(f"tag names are 'O', 'B-…' and 'I-…', received {tag!r}")
    return made


def metrics(cases: Cases) -> tuple[Metric, ...]:
    """The F1 of spans leads where tags have names, else the share of tokens that are right."""
    of_spans = (
        Metric(name="span_f1", kind="whole", of=lambda cases: _f1(*cases["spans"].sum(axis=0))),
        Metric(name="span_precision", kind="whole", of=lambda cases: _share(*cases["spans"].sum(axis=0)[[0, 1]])),
        Metric(name="span_recall", kind="whole", of=lambda cases: _share(*cases["spans"].sum(axis=0)[[0, 2]])),
    )
    return (
        *(of_spans if "spans" in cases else ()),
        Metric(name="token_accuracy", kind="whole", of=lambda cases: _share(*_right_and_all(cases))),
        Metric(name="macro_token_f1", kind="whole", of=_macro_f1),
        Metric(name="sequence_accuracy", kind="proportion", of=_whole_sequences),
    )


def _right_and_all(cases: Cases) -> tuple[int, int]:
    total = cases["confusion"].sum(axis=0)
    return int(np.trace(total)), int(total.sum())


def _macro_f1(cases: Cases) -> float:
    """The mean over the tags that the truth has."""
    total = cases["confusion"].sum(axis=0)
    right, found, wanted = np.diagonal(total), total.sum(axis=0), total.sum(axis=1)
    present = wanted > 0
    return float(np.mean(2 * right[present] / (found + wanted)[present]))


def _whole_sequences(cases: Cases) -> NDArray[np.bool_]:
    confusion = cases["confusion"]
    return np.asarray(np.trace(confusion, axis1=1, axis2=2) == confusion.sum(axis=(1, 2)))


def _f1(right: int, found: int, wanted: int) -> float:
    return float(2 * right / (found + wanted)) if found + wanted else float("nan")


def _share(part: int, whole: int) -> float:
    return float(part / whole) if whole else float("nan")


TASK = TaskMetrics(
    name="tagging",
    summary="a tag for every token: F1 of spans and of tokens, accuracy",
    cases=cases,
    metrics=metrics,
    details=lambda cases: Details(confusion=confusion_of(cases["confusion"].sum(axis=0))),
)
