"""What a task's metrics are made of: cases, and figures over them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from numpy.typing import NDArray

from qat_kit.results import ClassFigures

# Arrays by name, of which the first axis is the case: a sample, an image, a query. What is drawn anew in a bootstrap is
# whole cases.
Cases = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One figure of some cases.

    kind says what `of` gives, and so how its interval is found: `proportion`, of each case whether it is right
    (Wilson's interval); `mean`, of each case a real number (bootstrap of the mean); `whole`, one number of all cases
    together, NaN where these cases have none (percentile bootstrap over cases).
    """

    name: str
    kind: Literal["proportion", "mean", "whole"]
    of: Callable[[Cases], Any]
    higher_is_better: bool = True
    unit: str = ""


# Of more classes, a confusion matrix is more than anybody reads and most of the record.
_CONFUSION_AT_MOST = 100


@dataclass(frozen=True, kw_only=True)
class Details:
    """What is known of the answers beside the figures; see `Quality`."""

    classes: dict[int, ClassFigures] = field(default_factory=dict)
    confusion: tuple[tuple[int, ...], ...] = ()
    curves: dict[str, tuple[tuple[float, float], ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TaskMetrics:
    """How answers to one kind of task are judged.

    cases: (answers, truth, **options) → cases; raises DataError where they do not fit. metrics: those that these cases
    permit, the one that leads first. details: the rest.
    """

    name: str
    summary: str
    cases: Callable[..., Cases]
    metrics: Callable[[Cases], tuple[Metric, ...]]
    details: Callable[[Cases], Details] = lambda _: Details()


def confusion_of(counts: NDArray[Any]) -> tuple[tuple[int, ...], ...]:
    """A confusion matrix as a record holds it; empty for more than 100 classes.

    >>> import numpy as np
    >>> confusion_of(np.eye(2, dtype=int)), confusion_of(np.eye(101, dtype=int))
    (((1, 0), (0, 1)), ())
    """
    return tuple(tuple(row) for row in counts.tolist()) if len(counts) <= _CONFUSION_AT_MOST else ()
