"""Boxes around things: mean average precision as COCO defines it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.errors import DataError
from qat_kit.measure.metrics.checking import finite, integers, same_count
from qat_kit.measure.metrics.types import Cases, Details, Metric, TaskMetrics

# COCO's: boxes that overlap by so much are one thing; precision is read at these recalls; of an image, the 100 best.
OVERLAPS = np.linspace(0.5, 0.95, 10)
_RECALLS = np.linspace(0, 1, 101)
_DETECTIONS_AT_MOST = 100

Boxes = Mapping[str, Any]


def cases(answers: Sequence[Boxes], truth: Sequence[Boxes], *, num_classes: int | None = None) -> Cases:
    """`found` [images] of objects (score, class, right at each of ten overlaps), and `wanted` [images, classes] counts.

    answers: an image each: `boxes` [n, 4] as two opposite corners (y, x, y, x or x, y, x, y), `scores` [n], `classes`
    [n]. truth: `boxes` and `classes`. num_classes: as many as occur without it.

    Of each class, detections are taken from the highest score down; each takes the box of the truth that it overlaps
    most and that is not yet taken, where the overlap suffices, and is wrong where there is none. Crowds and sizes of
    areas are not told apart. Raises DataError for what is no such list, and where the truth has no box at all.

    Source: Lin et al. 2014, Microsoft COCO, arXiv:1405.0312; cocodataset.org, Detection Evaluation;
    pycocotools/cocoeval.py, evaluateImg and accumulate. Own, since pycocotools is compiled where it is installed.
    """
    same_count(answers, truth, "images")
    found = [_read(image, f"answers[{place}]", with_scores=True) for place, image in enumerate(answers)]
    wanted = [_read(image, f"truth[{place}]", with_scores=False) for place, image in enumerate(truth)]
    occurring = max((int(classes.max(initial=-1)) for _, classes, _ in (*found, *wanted)), default=-1) + 1
    count = occurring if num_classes is None else num_classes
    if count < occurring:
        raise DataError(f"there are {count} classes, 0 to {count - 1}, and a box is of class {occurring - 1}")
    counts = np.array([np.bincount(classes, minlength=count) for _, classes, _ in wanted])
    if not counts.any():
        raise DataError("the truth has no box in any image, so no precision can be had of it")
    matched = np.empty(len(found), object)
    for place, (mine, theirs) in enumerate(zip(found, wanted, strict=True)):
        matched[place] = _match(mine, theirs)
    return {"found": matched, "wanted": counts}


def metrics(_: Cases) -> tuple[Metric, ...]:
    """mAP over overlaps of 0.50 to 0.95 leads; then mAP at 0.50 and 0.75, and the mean recall."""
    every = tuple(range(len(OVERLAPS)))
    return (
        Metric(name="map", kind="whole", of=partial(_mean_precision, chosen=every)),
        Metric(name="map_50", kind="whole", of=partial(_mean_precision, chosen=(0,))),
        Metric(name="map_75", kind="whole", of=partial(_mean_precision, chosen=(5,))),
        Metric(name="mean_recall", kind="whole", of=lambda cases: float(np.mean([r for _, r in _per_class(cases)]))),
    )


def _mean_precision(cases: Cases, *, chosen: tuple[int, ...]) -> float:
    return float(np.mean([precision[list(chosen)] for precision, _ in _per_class(cases)]))


def _per_class(cases: Cases) -> list[tuple[NDArray[np.float64], float]]:
    """Of each class that the truth has: the average precision at each overlap, and the recall over all of them."""
    wanted = cases["wanted"].sum(axis=0)
    rows = np.concatenate(list(cases["found"]))
    rows = rows[np.argsort(-rows[:, 0], kind="stable")]
    made = []
    for number in np.flatnonzero(wanted):
        right = rows[rows[:, 1] == number, 2:]
        hits = np.cumsum(right, axis=0)
        recall = hits / wanted[number]
        precision = hits / np.arange(1, len(right) + 1)[:, None]
        # The precision at a recall is the best at that recall or any higher.
        precision = np.maximum.accumulate(precision[::-1], axis=0)[::-1]
        averages = np.zeros(len(OVERLAPS))
        for place in range(len(OVERLAPS)):
            first = np.searchsorted(recall[:, place], _RECALLS, side="left")
            reached = first < len(right)
            averages[place] = precision[first[reached], place].sum() / len(_RECALLS)
        made.append((averages, float(recall[-1].mean()) if len(right) else 0.0))
    return made or [(np.full(len(OVERLAPS), np.nan), float("nan"))]


def _match(
    mine: tuple[NDArray[Any], NDArray[Any], NDArray[Any]], theirs: tuple[NDArray[Any], NDArray[Any], NDArray[Any]]
) -> NDArray[np.float64]:
    """One row a detection: score, class, and for each overlap 1 where it is right."""
    rows = []
    for number in np.unique(mine[1]):
        chosen = np.flatnonzero(mine[1] == number)
        chosen = chosen[np.argsort(-mine[2][chosen], kind="stable")][:_DETECTIONS_AT_MOST]
        overlaps = overlap(mine[0][chosen], theirs[0][theirs[1] == number])
        taken = np.zeros((len(OVERLAPS), overlaps.shape[1]), bool)
        for line, place in zip(overlaps, chosen, strict=True):
            right = np.zeros(len(OVERLAPS))
            for level, least in enumerate(OVERLAPS):
                free = np.where(taken[level], -1.0, line)
                best = int(free.argmax()) if free.size else -1
                if best >= 0 and free[best] >= least:
                    taken[level, best], right[level] = True, 1.0
            rows.append(np.concatenate([[mine[2][place], number], right]))
    return np.array(rows).reshape(-1, 2 + len(OVERLAPS))


def overlap(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union of every box of `a` [n, 4] with every box of `b` [m, 4]: [n, m].

    >>> overlap(np.array([[0.0, 0.0, 2.0, 2.0]]), np.array([[0.0, 1.0, 2.0, 3.0]])).round(6)
    array([[0.333333]])
    """
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    both = np.prod(np.clip(high - low, 0, None), axis=2)
    areas = (np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (a, b))
    of_a, of_b = areas
    union = of_a[:, None] + of_b[None, :] - both
    return np.asarray(np.divide(both, union, out=np.zeros_like(both), where=union > 0))


def _read(image: Boxes, what: str, *, with_scores: bool) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Boxes with the lower corner first, classes, and scores (zeros where there are none)."""
    missing = {"boxes", "classes", *(["scores"] if with_scores else [])} - set(image)
    if missing:
        raise DataError(f"{what} has no {', '.join(sorted(missing))}; it has {', '.join(sorted(image)) or 'nothing'}")
    boxes = finite(image["boxes"], f"{what} boxes").reshape(-1, 4)
    numbers = np.asarray(image["classes"]).reshape(-1)
    classes = integers(numbers if numbers.size else numbers.astype(int), f"{what} classes", low=0, high=1 << 20)
    scores = finite(image["scores"], f"{what} scores").reshape(-1) if with_scores else np.zeros(len(boxes))
    if not len(boxes) == len(classes) == len(scores):
        raise DataError(f"{what} has {len(boxes)} boxes, {len(classes)} classes and {len(scores)} scores")
    corners = np.stack([boxes[:, :2], boxes[:, 2:]])
    return np.concatenate([corners.min(axis=0), corners.max(axis=0)], axis=1), classes, scores


def _details(cases: Cases) -> Details:
    wanted = cases["wanted"].sum(axis=0)
    missing = np.flatnonzero(wanted == 0)
    shown = ", ".join(str(number) for number in missing[:10])
    note = f"the test data has no box of {len(missing)} of {len(wanted)} classes ({shown}); averages are without them"
    return Details(notes=(note,) if len(missing) else ())


TASK = TaskMetrics(
    name="detection",
    summary="boxes around things: mean average precision as COCO defines it",
    cases=cases,
    metrics=metrics,
    details=_details,
)
