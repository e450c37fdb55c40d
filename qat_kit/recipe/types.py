"""A recipe: the data, the model, and what differs from the defaults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.datasets import Dataset, Split
from qat_kit.recipe.settings import Settings
from qat_kit.vocabulary import Scores, Task

if TYPE_CHECKING:
    import tf_keras


@dataclass(frozen=True, kw_only=True)
class Head:
    """What one output of a model is for.

    scores: what it holds. loss: (labels, outputs) → one value a sample; None for the task's own.
    """

    task: Task
    scores: Scores
    loss: Callable[[Any, Any], Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that a run needs.

    load_data, build_model: called with the settings; build_model returns an untrained (or, with epochs=0, a trained)
    Sequential or Functional model, of tf_keras or Keras 3. scores: what its output holds. loss: (labels, outputs) →
    one value a sample; None for the task's own. further: the same of the outputs behind the first, for which the data
    holds labels too.
    answers: (outputs by name, samples) → answers and truth as the task's figures take them, where these are not the
    first output and its labels; such a recipe is judged by all outputs together. figure: the one that matters; None
    for the one that leads.
    data: which data, how many samples, for a list. expected, minutes: the figure that the int8 file of a full run
    reached, and what that took on two cores; None where it was not measured.
    source_sha256: of the recipe's file and of the kit's nets and datasets, so that a changed recipe is not taken for
    the one that was begun.
    """

    name: str
    summary: str
    task: Task
    scores: Scores
    load_data: Callable[[Any], Dataset]
    build_model: Callable[[Any], tf_keras.Model]
    settings: Settings
    loss: Callable[[Any, Any], Any] | None = None
    further: tuple[Head, ...] = ()
    answers: Callable[[Mapping[str, NDArray[np.float32]], Split], tuple[Any, Any]] | None = None
    figure: str | None = None
    data: str = ""
    expected: float | None = None
    minutes: float | None = None
    source_sha256: str = ""

    @property
    def heads(self) -> tuple[Head, ...]:
        """What each output is for, in the model's order."""
        return Head(task=self.task, scores=self.scores, loss=self.loss), *self.further
