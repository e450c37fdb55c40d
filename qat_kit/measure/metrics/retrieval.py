"""Items in the order of their scores: hit rate, NDCG, reciprocal rank. For retrieval and recommendation."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import ndcg_score

from qat_kit.errors import DataError
from qat_kit.measure.metrics.checking import finite, integers, same_count
from qat_kit.measure.metrics.types import Cases, Details, Metric, TaskMetrics

CUTS = (1, 5, 10)


def cases(scores: ArrayLike, truth: ArrayLike) -> Cases:
    """`ranks` [queries] of the first relevant item (0: it leads), and `ndcg_K` [queries] for each cut.

    scores: [queries, items]. truth: the item that is relevant, [queries]; or how relevant each item is, 0 or more,
    [queries, items]. Items of equal scores stand in their own order for ranks; NDCG is the mean over their orders.
    Raises DataError for shapes that differ, and for a query without a relevant item.
    """
    table = finite(scores, "scores")
    if table.ndim != 2 or table.shape[1] < 2:
        raise DataError(f"scores must have shape [queries, items], two items or more; received {list(table.shape)}")
    relevance = np.asarray(truth)
    same_count(table, relevance, "queries")
    if relevance.ndim == 1:
        items = integers(relevance, "relevant items", low=0, high=table.shape[1])
        relevance = (np.arange(table.shape[1]) == items[:, None]).astype(np.float64)
    relevance = finite(relevance, "relevance")
    if relevance.shape != table.shape or (relevance < 0).any():
        raise DataError(
            f"relevance must be 0 or more, of shape {list(table.shape)}; received shape {list(relevance.shape)}"
            f"{' with negative values' if (relevance < 0).any() else ''}"
        )
    without = ~(relevance > 0).any(axis=1)
    if without.any():
        raise DataError(f"query {int(np.argmax(without))} has no relevant item, so no figure can be had of it")
    order = np.argsort(-table, axis=1, kind="stable")
    found = np.take_along_axis(relevance, order, axis=1) > 0
    cuts = [cut for cut in CUTS if cut < table.shape[1]]
    gains = {
        f"ndcg_{cut}": np.array(
            [ndcg_score(wanted[None], row[None], k=cut) for wanted, row in zip(relevance, table, strict=True)]
        )
        for cut in cuts
    }
    return {"ranks": found.argmax(axis=1), **gains}


def metrics(cases: Cases) -> tuple[Metric, ...]:
    """The hit rate at the deepest cut leads."""
    cuts = sorted((int(name.removeprefix("ndcg_")) for name in cases if name.startswith("ndcg_")), reverse=True)
    return (
        *(Metric(name=f"hit_rate_at_{cut}", kind="proportion", of=partial(_hits, cut=cut)) for cut in cuts),
        *(Metric(name=f"ndcg_at_{cut}", kind="mean", of=partial(_gains, cut=cut)) for cut in cuts),
        Metric(name="mean_reciprocal_rank", kind="mean", of=lambda cases: 1.0 / (cases["ranks"] + 1)),
    )


def _hits(cases: Cases, *, cut: int) -> object:
    return cases["ranks"] < cut


def _gains(cases: Cases, *, cut: int) -> object:
    return cases[f"ndcg_{cut}"]


TASK = TaskMetrics(
    name="retrieval",
    summary="items in the order of their scores, for search and recommendation: hit rate, NDCG, reciprocal rank",
    cases=cases,
    metrics=metrics,
    details=lambda _: Details(),
)
