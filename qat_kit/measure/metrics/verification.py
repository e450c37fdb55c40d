"""Whether two samples are of one person or thing: equal error rate, true accepts at few false ones."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import roc_auc_score, roc_curve

from qat_kit.measure.metrics.anomaly import area
from qat_kit.measure.metrics.checking import scores_of_two
from qat_kit.measure.metrics.curves import binary_curves
from qat_kit.measure.metrics.types import Cases, Details, Metric, TaskMetrics

FALSE_ACCEPT_RATES = (0.1, 0.01, 0.001)


def cases(scores: ArrayLike, truth: ArrayLike) -> Cases:
    """scores: [pairs], the higher the more alike. truth: 1 for a pair of one person, 0 for a pair of two."""
    return scores_of_two(scores, truth, positive="matching", negative="foreign")


def metrics(cases: Cases) -> tuple[Metric, ...]:
    """The equal error rate leads; true accept rates only where there are foreign pairs enough for the rate."""
    num_foreign = int((cases["labels"] == 0).sum())
    return (
        Metric(name="equal_error_rate", kind="whole", of=equal_error_rate, higher_is_better=False),
        *(
            Metric(name=f"tar_at_far_{rate:g}", kind="whole", of=partial(true_accept_rate, false_accept_rate=rate))
            for rate in FALSE_ACCEPT_RATES
            if num_foreign * rate >= 1
        ),
        Metric(name="roc_auc", kind="whole", of=partial(area, of=roc_auc_score)),
    )


def equal_error_rate(cases: Cases) -> float:
    """Where false accepts are as frequent as false rejects, on straight lines between the points of the ROC curve."""
    if cases["labels"].min() == cases["labels"].max():
        return float("nan")
    accepts, true_accepts, _ = roc_curve(cases["labels"], cases["scores"], drop_intermediate=False)
    gap = accepts - (1 - true_accepts)  # rises from −1 to 1
    after = int(np.argmax(gap >= 0))
    share = gap[after - 1] / (gap[after - 1] - gap[after])
    return float(accepts[after - 1] + share * (accepts[after] - accepts[after - 1]))


def true_accept_rate(cases: Cases, *, false_accept_rate: float) -> float:
    """The largest share of matching pairs that is accepted while no more than this share of foreign ones is."""
    if cases["labels"].min() == cases["labels"].max():
        return float("nan")
    accepts, true_accepts, _ = roc_curve(cases["labels"], cases["scores"], drop_intermediate=False)
    return float(true_accepts[accepts <= false_accept_rate].max())


def _details(cases: Cases) -> Details:
    num_foreign = int((cases["labels"] == 0).sum())
    left_out = [f"{rate:g}" for rate in FALSE_ACCEPT_RATES if num_foreign * rate < 1]
    note = f"{num_foreign} foreign pairs are too few for false accept rates of {', '.join(left_out)}"
    return Details(curves=binary_curves(cases["scores"], cases["labels"]), notes=(note,) if left_out else ())


TASK = TaskMetrics(
    name="verification",
    summary="whether two samples are of one person: equal error rate, true accepts at few false ones",
    cases=cases,
    metrics=metrics,
    details=_details,
)
