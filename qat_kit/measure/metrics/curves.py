"""ROC and precision-recall curves, thinned for showing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve, roc_curve

Points = tuple[tuple[float, float], ...]

_POINTS_AT_MOST = 200


def binary_curves(scores: NDArray[np.float64], labels: NDArray[np.int64]) -> dict[str, Points]:
    """`roc`: (false positive rate, true positive rate); `precision_recall`: (recall, precision)."""
    false_positive, true_positive, _ = roc_curve(labels, scores)
    precision, recall, _ = precision_recall_curve(labels, scores)
    return {
        "roc": thinned(false_positive, true_positive),
        "precision_recall": thinned(recall[::-1], precision[::-1]),
    }


def thinned(x: NDArray[np.float64], y: NDArray[np.float64]) -> Points:
    """200 points at most, the first and the last among them.

    >>> points = thinned(np.arange(1000.0), np.zeros(1000))
    >>> len(points), points[0], points[-1]
    (200, (0.0, 0.0), (999.0, 0.0))
    """
    chosen = np.unique(np.linspace(0, len(x) - 1, min(len(x), _POINTS_AT_MOST)).round().astype(int))
    return tuple(zip(x[chosen].tolist(), y[chosen].tolist(), strict=True))
