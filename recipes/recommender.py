"""What a user may like: two towers that rank 100 candidates.

By default on generated choices of known structure; `--set source=movielens` takes MovieLens-100k from its owner.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from qat_kit.datasets import Dataset, Split, load_choices
from qat_kit.datasets.interactions import Source, counts_of
from qat_kit.recipe import Count, Recipe, Settings, loss_named

if TYPE_CHECKING:
    import tf_keras


class RecommenderSettings(Settings):
    """The defaults of this recipe. candidates: that are ranked, one of them chosen; units: of either vector."""

    epochs: int = 15
    qat_epochs: int = 3
    batch_size: int = 64
    source: Source = "generated"
    candidates: Count = 100
    units: Count = 32


def load_data(settings: RecommenderSettings) -> Dataset:
    return load_choices(source=settings.source, num_candidates=settings.candidates)


def build_model(settings: RecommenderSettings) -> tf_keras.Model:
    from qat_kit.nets import two_towers

    users, items = counts_of(settings.source)
    return two_towers(num_users=users, num_items=items, num_candidates=settings.candidates, units=settings.units)


def answers(outputs: Mapping[str, Any], split: Split) -> tuple[Any, Any]:
    """The candidates' scores, and the place of the chosen one."""
    return next(iter(outputs.values())), np.asarray(split.labels, np.int64)


recipe = Recipe(
    name="recommender",
    summary="Recommendations, two towers of embeddings, 100 candidates",
    data="generated, 14,000 choices of 500 users; or MovieLens-100k",
    task="retrieval",
    figure="hit_rate_at_10",
    scores="logits",
    loss=loss_named("chosen_one"),
    answers=answers,
    load_data=load_data,
    build_model=build_model,
    settings=RecommenderSettings(),
)
