"""Real numbers: squared and absolute error, R²."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import r2_score

from qat_kit.errors import DataError
from qat_kit.measure.metrics.checking import finite
from qat_kit.measure.metrics.types import Cases, Details, Metric, TaskMetrics


def cases(predictions: ArrayLike, targets: ArrayLike) -> Cases:
    """`found` and `wanted`, [samples, values]. Shapes and errors as `regression_quality`."""
    found, wanted = finite(predictions, "predictions"), finite(targets, "targets")
    found, wanted = (array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array for array in (found, wanted))
    if found.shape != wanted.shape or not found.size:
        raise DataError(
            f"predictions and targets must have one shape, not empty; received {list(found.shape)} and "
            f"{list(wanted.shape)}"
        )
    return {"found": found.reshape(len(found), -1), "wanted": wanted.reshape(len(wanted), -1)}


def metrics(cases: Cases) -> tuple[Metric, ...]:
    """The mean squared error leads. R² is there where the targets vary."""
    varies = len(cases["wanted"]) > 1 and bool((np.ptp(cases["wanted"], axis=0) > 0).all())
    return (
        Metric(
            name="mean_squared_error",
            kind="mean",
            of=lambda cases: np.mean((cases["found"] - cases["wanted"]) ** 2, axis=1),
            higher_is_better=False,
        ),
        Metric(
            name="mean_absolute_error",
            kind="mean",
            of=lambda cases: np.mean(np.abs(cases["found"] - cases["wanted"]), axis=1),
            higher_is_better=False,
        ),
        *((Metric(name="r2", kind="whole", of=_r2),) if varies else ()),
    )


def _r2(cases: Cases) -> float:
    return float(r2_score(cases["wanted"], cases["found"])) if len(cases["wanted"]) > 1 else float("nan")


def _details(cases: Cases) -> Details:
    constant = np.flatnonzero(np.ptp(cases["wanted"], axis=0) == 0)
    note = f"no R²: the targets of value {constant[0]} are all the same" if len(constant) else ""
    return Details(notes=(note,) if note else ())


TASK = TaskMetrics(
    name="regression",
    summary="real numbers: mean squared and absolute error, R²",
    cases=cases,
    metrics=metrics,
    details=_details,
)
