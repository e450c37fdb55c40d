"""A class for every pixel: mean intersection over union, Dice, pixel accuracy."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qat_kit.errors import DataError
from qat_kit.measure.metrics.checking import finite, integers, same_count
from qat_kit.measure.metrics.types import Cases, Details, Metric, TaskMetrics, confusion_of

# What labels of pixels that nobody judges are called in PASCAL VOC and Cityscapes.
IGNORED = 255


def cases(answers: ArrayLike, truth: ArrayLike, *, num_classes: int | None = None) -> Cases:
    """`confusion` [images, classes, classes]: pixels of a class (row) that got an answer (column).

    answers: scores [images, height, width, classes], or class numbers [images, height, width]. truth: class numbers
    [images, height, width], 255 where no answer counts. num_classes: of answers that are class numbers; as many as
    occur without it. Raises DataError where shapes differ or a class is out of range.
    """
    maps, wanted = np.asarray(answers), np.asarray(truth)
    if maps.ndim == 4:
        num_classes = maps.shape[3]
        maps = finite(maps, "scores").argmax(axis=3)
    wanted = wanted[..., 0] if wanted.ndim == 4 and wanted.shape[3] == 1 else wanted
    same_count(maps, wanted, "images")
    if maps.shape != wanted.shape or maps.ndim != 3:
        raise DataError(
            f"a class for every pixel is needed: answers are {list(maps.shape)} and the truth is {list(wanted.shape)}, "
            "and both must be [images, height, width]"
        )
    counted = wanted != IGNORED
    if num_classes is None:
        num_classes = int(max(maps.max(), wanted[counted].max(initial=0))) + 1
    maps = integers(maps, "answers", low=0, high=num_classes)
    wanted = integers(np.where(counted, wanted, 0), "truth", low=0, high=num_classes)
    pairs = [
        np.bincount((row * num_classes + column)[kept], minlength=num_classes**2)
        for row, column, kept in zip(wanted, maps, counted, strict=True)
    ]
    if not counted.any():
        raise DataError(f"every pixel of the truth is {IGNORED}, which counts for nothing")
    return {"confusion": np.stack(pairs).reshape(-1, num_classes, num_classes)}


def metrics(_: Cases) -> tuple[Metric, ...]:
    """The mean IoU leads; averages are over the classes that occur in truth or answers."""
    return (
        Metric(name="mean_iou", kind="whole", of=lambda cases: float(np.nanmean(_overlaps(cases)[0]))),
        Metric(name="mean_dice", kind="whole", of=lambda cases: float(np.nanmean(_overlaps(cases)[1]))),
        Metric(name="pixel_accuracy", kind="whole", of=pixel_accuracy),
    )


def pixel_accuracy(cases: Cases) -> float:
    """Share of the pixels that count whose class is right."""
    total = cases["confusion"].sum(axis=0)
    return float(np.trace(total) / total.sum()) if total.any() else float("nan")


def _overlaps(cases: Cases) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """IoU and Dice of each class over all pixels; NaN of a class that occurs nowhere.

    IoU = both / (truth + answers − both), Dice = 2·both / (truth + answers)
    """
    total = cases["confusion"].sum(axis=0)
    both, sums = np.diagonal(total), total.sum(axis=0) + total.sum(axis=1)
    known = sums > 0
    divisor = np.where(known, sums, 1)
    return (
        np.where(known, both / np.where(known, sums - both, 1), np.nan),
        np.where(known, 2 * both / divisor, np.nan),
    )


def _details(cases: Cases) -> Details:
    total = cases["confusion"].sum(axis=0)
    missing = np.flatnonzero(total.sum(axis=1) == 0)
    shown = ", ".join(str(number) for number in missing[:10])
    return Details(
        confusion=confusion_of(total),
        notes=(f"the test data has no pixel of {len(missing)} of {len(total)} classes ({shown})",)
        if len(missing)
        else (),
    )


TASK = TaskMetrics(
    name="segmentation",
    summary="a class for every pixel: mean intersection over union, Dice, pixel accuracy",
    cases=cases,
    metrics=metrics,
    details=_details,
)
