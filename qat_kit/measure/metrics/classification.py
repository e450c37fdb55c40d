"""One of several classes a sample: accuracy, cross-entropy, F1, areas under curves, calibration."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp, softmax
from sklearn.metrics import average_precision_score, confusion_matrix, precision_recall_fscore_support, roc_auc_score

from qat_kit.errors import DataError
from qat_kit.measure.metrics.checking import finite
from qat_kit.measure.metrics.curves import binary_curves
from qat_kit.measure.metrics.types import Cases, Details, Metric, TaskMetrics, confusion_of
from qat_kit.results import ClassFigures
from qat_kit.vocabulary import Scores

# Half a step of an int8 softmax, whose scale the specification fixes at 1/256: what a code of 0 may still mean. The
# same floor for a float model keeps the cross-entropies of its forms comparable.
SMALLEST_PROBABILITY = 1 / 512
CALIBRATION_BINS = 15
_TOP = 5


def cases(
    scores: ArrayLike,
    labels: ArrayLike,
    *,
    scores_are: Scores = "logits",
    smallest_probability: float = SMALLEST_PROBABILITY,
) -> Cases:
    """`probabilities` [samples, classes], `answers`, `labels`, `ranks` (0 where the right class came first), `losses`.

    scores, labels: as `classification_quality`. Of equal scores, as int8 outputs often are, the lowest class leads.
    """
    table = score_table(scores, scores_are)
    classes = class_numbers(labels, *table.shape)
    chosen = table[np.arange(len(classes)), classes][:, None]
    earlier = np.arange(table.shape[1]) < classes[:, None]
    if scores_are == "logits":
        losses = logsumexp(table, axis=1) - chosen[:, 0]
        probabilities = softmax(table, axis=1)
    else:
        losses = -np.log(np.maximum(chosen[:, 0], smallest_probability))
        probabilities = table
    return {
        "probabilities": probabilities,
        "answers": table.argmax(axis=1),
        "labels": classes,
        "ranks": ((table > chosen) | ((table == chosen) & earlier)).sum(axis=1),
        "losses": losses,
    }


def metrics(cases: Cases) -> tuple[Metric, ...]:
    """Accuracy leads. Averages over classes (`macro_`) are of those that the labels have."""
    num_classes = cases["probabilities"].shape[1]
    top = Metric(name=f"top_{_TOP}_accuracy", kind="proportion", of=lambda cases: cases["ranks"] < _TOP)
    averages = (
        Metric(name=f"macro_{name}", kind="whole", of=partial(_macro, part=part))
        for part, name in enumerate(("precision", "recall", "f1"))
    )
    areas = (
        Metric(name="roc_auc", kind="whole", of=partial(_area, area=roc_auc_score)),
        Metric(name="average_precision", kind="whole", of=partial(_area, area=average_precision_score)),
    )
    return (
        Metric(name="accuracy", kind="proportion", of=lambda cases: cases["ranks"] == 0),
        Metric(
            name="cross_entropy", kind="mean", of=lambda cases: cases["losses"], higher_is_better=False, unit="nats"
        ),
        *((top,) if num_classes > _TOP else ()),
        *averages,
        *(areas if len(np.unique(cases["labels"])) > 1 else ()),
        Metric(name="expected_calibration_error", kind="whole", of=expected_calibration_error, higher_is_better=False),
    )


def details(cases: Cases) -> Details:
    """Figures of each class, the confusion matrix, a reliability curve, and of two classes the ROC and PR curves."""
    labels, probabilities = cases["labels"], cases["probabilities"]
    num_classes = probabilities.shape[1]
    present = np.unique(labels)
    missing = np.setdiff1d(np.arange(num_classes), present)
    scores = precision_recall_fscore_support(labels, cases["answers"], labels=present, zero_division=np.nan)
    classes = {
        int(number): ClassFigures(
            count=int(count),
            precision=None if np.isnan(precision) else float(precision),
            recall=float(recall),
            f1=float(np.nan_to_num(f1)),
        )
        for number, precision, recall, f1, count in zip(present, *scores, strict=True)
    }
    matrix = confusion_matrix(labels, cases["answers"], labels=np.arange(num_classes))
    shown = ", ".join(str(number) for number in missing[:10]) + (", …" if len(missing) > 10 else "")
    note = f"the test data has no sample of {len(missing)} of {num_classes} classes ({shown}); averages leave them out"
    curves = {"reliability": reliability_curve(cases)}
    if num_classes == 2 and len(present) == 2:
        curves |= binary_curves(probabilities[:, 1], labels)
    return Details(
        classes=classes,
        confusion=confusion_of(matrix),
        curves=curves,
        notes=(note,) if len(missing) else (),
    )


def expected_calibration_error(cases: Cases) -> float:
    """How far confidence is from accuracy: Σ over bins of (samples in bin / samples)·|accuracy − mean confidence|.

    15 bins of equal width of the highest probability, each with its upper end.

    Source: Guo et al. 2017, On Calibration of Modern Neural Networks, arXiv:1706.04599, equation 3.
    """
    confidence, right, bins = _bins(cases)
    gaps = np.bincount(bins, weights=right - confidence, minlength=CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / len(bins))


def reliability_curve(cases: Cases) -> tuple[tuple[float, float], ...]:
    """(mean confidence, accuracy) of each bin that has samples."""
    confidence, right, bins = _bins(cases)
    counts = np.bincount(bins, minlength=CALIBRATION_BINS)
    sums = (np.bincount(bins, weights=values, minlength=CALIBRATION_BINS) for values in (confidence, right))
    x, y = (part[counts > 0] / counts[counts > 0] for part in sums)
    return tuple(zip(x.tolist(), y.tolist(), strict=True))


def _bins(cases: Cases) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.int64]]:
    confidence = np.asarray(cases["probabilities"].max(axis=1), np.float64)
    bins = np.clip(np.ceil(confidence * CALIBRATION_BINS).astype(np.int64) - 1, 0, CALIBRATION_BINS - 1)
    return confidence, cases["answers"] == cases["labels"], bins


def _macro(cases: Cases, *, part: int) -> float:
    """Precision, recall or F1, the mean over the classes of the labels; of counts, since a bootstrap asks often."""
    size = cases["probabilities"].shape[1]
    right = np.bincount(cases["labels"][cases["answers"] == cases["labels"]], minlength=size)
    wanted, found = (np.bincount(cases[name], minlength=size) for name in ("labels", "answers"))
    present = wanted > 0
    divisor = (np.maximum(found, 1), wanted, (found + wanted) / 2)[part]
    return float(np.mean(right[present] / divisor[present]))


def _area(cases: Cases, *, area: Any) -> float:
    """The mean over classes of the area under one class against the rest; of two classes, class 1 alone."""
    labels, probabilities = cases["labels"], cases["probabilities"]
    present = np.unique(labels)
    if len(present) < 2:
        return float("nan")
    chosen = [1] if probabilities.shape[1] == 2 else present
    return float(np.mean([area(labels == number, probabilities[:, number]) for number in chosen]))


def score_table(scores: ArrayLike, scores_are: Scores | None) -> NDArray[np.float64]:
    """Scores of shape [samples, classes]; one column becomes two."""
    table = finite(scores, "scores")
    table = table[:, None] if table.ndim == 1 else table
    if table.ndim != 2 or not table.size:
        raise DataError(f"scores must have shape [samples, classes], received {list(np.shape(scores))}")
    if scores_are == "values" or (scores_are is None and table.shape[1] == 1):
        raise DataError(f"scores of classes are 'logits' or 'probabilities', received scores_are={scores_are!r}")
    if scores_are == "probabilities" and (outside := (table < 0) | (table > 1)).any():
        sample = int(np.argwhere(outside)[0, 0])
        raise DataError(
            f"probabilities must lie within 0 to 1, and sample {sample} has {table[outside][0]:.6g}; "
            "say scores_are='logits' if the model ends without softmax"
        )
    if table.shape[1] == 1:
        other = 1 - table if scores_are == "probabilities" else np.zeros_like(table)
        table = np.concatenate([other, table], axis=1)
    return table


def class_numbers(labels: ArrayLike, num_samples: int, num_classes: int) -> NDArray[np.int64]:
    """Labels as class numbers [samples]; raises DataError where they are neither that nor one-hot."""
    array = np.asarray(labels)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.shape[:1] != (num_samples,) or array.ndim > 2 or (array.ndim == 2 and array.shape[1] != num_classes):
        raise DataError(
            f"labels must be class numbers [{num_samples}] or one-hot [{num_samples}, {num_classes}], received shape "
            f"{list(np.shape(labels))}"
        )
    if array.ndim == 2:
        return _from_one_hot(array)
    if array.dtype.kind not in "iub":
        raise DataError(f"class numbers must be integers, received dtype {array.dtype}")
    numbers = array.astype(np.int64)
    outside = (numbers < 0) | (numbers >= num_classes)
    if outside.any():
        first = int(np.argmax(outside))
        raise DataError(
            f"labels must be 0 to {num_classes - 1}, since the model has {num_classes} classes; label {first} is "
            f"{numbers[first]}"
        )
    return numbers


def _from_one_hot(array: NDArray[Any]) -> NDArray[np.int64]:
    bad = ~(((array == 0) | (array == 1)).all(axis=1) & (array.sum(axis=1) == 1))
    if bad.any():
        first = int(np.argmax(bad))
        raise DataError(f"one-hot labels need one 1 and otherwise 0, and label {first} is {array[first].tolist()}")
    return np.asarray(array.argmax(axis=1), np.int64)


TASK = TaskMetrics(
    name="classification",
    summary="one of several classes a sample: accuracy, F1, areas under curves, calibration",
    cases=cases,
    metrics=metrics,
    details=details,
)
