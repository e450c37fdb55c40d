"""How strange a sample is: area under the ROC curve, and under its first part."""

from __future__ import annotations

from functools import partial
from typing import Any

from numpy.typing import ArrayLike
from sklearn.metrics import average_precision_score, roc_auc_score

from qat_kit.measure.metrics.checking import scores_of_two
from qat_kit.measure.metrics.curves import binary_curves
from qat_kit.measure.metrics.types import Cases, Details, Metric, TaskMetrics

# The false alarms of which the partial area speaks, as the DCASE challenge's task 2 and MLPerf Tiny have it.
MAX_FALSE_POSITIVE_RATE = 0.1


def cases(scores: ArrayLike, truth: ArrayLike) -> Cases:
    """scores: [samples], the higher the stranger. truth: 1 for an anomaly, 0 for a normal sample."""
    return scores_of_two(scores, truth, positive="anomalous", negative="normal")


def metrics(_: Cases) -> tuple[Metric, ...]:
    """The area under the ROC curve leads; `partial_roc_auc` is scikit-learn's: chance is ½ (McClish 1989)."""
    partial_area = partial(roc_auc_score, max_fpr=MAX_FALSE_POSITIVE_RATE)
    return (
        Metric(name="roc_auc", kind="whole", of=partial(area, of=roc_auc_score)),
        Metric(name="partial_roc_auc", kind="whole", of=partial(area, of=partial_area)),
        Metric(name="average_precision", kind="whole", of=partial(area, of=average_precision_score)),
    )


def area(cases: Cases, *, of: Any) -> float:
    """An area under a curve; NaN where the cases are of one kind."""
    labels = cases["labels"]
    return float("nan") if labels.min() == labels.max() else float(of(labels, cases["scores"]))


TASK = TaskMetrics(
    name="anomaly",
    summary="how strange a sample is: area under the ROC curve, also below 10 % false alarms",
    cases=cases,
    metrics=metrics,
    details=lambda cases: Details(curves=binary_curves(cases["scores"], cases["labels"])),
)
