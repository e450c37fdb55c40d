"""Outputs of a recipe's model, judged as its task is."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.checks import labels_of
from qat_kit.datasets import Split, label_arrays
from qat_kit.errors import UnknownNameError
from qat_kit.measure import classification_quality, compare
from qat_kit.measure.metrics import compare_answers, get_task, judge
from qat_kit.recipe import Head, Recipe, blaming
from qat_kit.results import Comparison, PairedTest, Quality

# Output name → what a model answers, [samples, …].
Outputs = Mapping[str, NDArray[np.float32]]


def judge_outputs(recipe: Recipe, outputs: Outputs, split: Split) -> Quality:
    """The figures of a model's outputs, the one that matters to the recipe first.

    Raises UnknownNameError where the task has no figure of that name.
    """
    quality = _quality(*_answers(recipe, outputs, split), recipe.heads[0])
    if recipe.figure is None:
        return quality
    if recipe.figure not in quality.figures:
        raise UnknownNameError("figure", recipe.figure, quality.figures)
    figures = {recipe.figure: quality.figures[recipe.figure], **quality.figures}
    return quality.model_copy(update={"figures": figures})


def judge_each(recipe: Recipe, outputs: Outputs, split: Split) -> dict[str, Quality]:
    """By output, where there are several and each is judged by itself."""
    if len(outputs) == 1 or recipe.answers is not None:
        return {}
    each = zip(outputs.items(), label_arrays(split.labels), recipe.heads, strict=True)
    return {name: _quality(answers, labels, head) for (name, answers), labels, head in each}


def paired(
    recipe: Recipe,
    models: Mapping[str, Outputs],
    split: Split,
    *,
    figures: Collection[str] | None = None,
    num_draws: int = 0,
) -> PairedTest:
    """Two models, the baseline first, figure by figure.

    figures: those to compare, None for all. num_draws: of figures that a bootstrap computes anew; 0 leaves those out.
    """
    head = recipe.heads[0]
    options: dict[str, Any] = {"scores_are": head.scores} if head.task == "classification" else {}
    (before, truth), (after, _) = (_answers(recipe, outputs, split) for outputs in models.values())
    baseline, candidate = models
    return compare_answers(
        get_task(head.task),
        before,
        after,
        truth,
        baseline=baseline,
        candidate=candidate,
        figures=figures,
        num_draws=num_draws,
        **options,
    )


def comparisons(recipe: Recipe, outputs: Mapping[str, Outputs], split: Split) -> tuple[Comparison, ...]:
    """Every model against the first, answer by answer; none where answers are no classes."""
    if recipe.task != "classification" or recipe.answers is not None:
        return ()
    answers = {name: next(iter(found.values())) for name, found in outputs.items()}
    (baseline, first), *others = answers.items()
    return tuple(
        compare(first, after, labels_of(split), baseline=baseline, candidate=name, scores_are=recipe.scores)
        for name, after in others
    )


def _quality(answers: Any, labels: Any, head: Head) -> Quality:
    if head.task == "classification":
        return classification_quality(answers, labels, scores_are=head.scores)
    return judge(get_task(head.task), answers, labels, num_draws=0)


def _answers(recipe: Recipe, outputs: Outputs, split: Split) -> tuple[Any, Any]:
    """Answers and truth, by the recipe's own function or as they are."""
    if recipe.answers is None:
        return next(iter(outputs.values())), labels_of(split)
    with blaming(f"answers of recipe {recipe.name}"):
        return recipe.answers(outputs, split)
