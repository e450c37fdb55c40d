"""A recipe: the data, the model, and what differs from the defaults. And the ways to find one."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any, Self

import pydantic

from qat_kit.datasets import Dataset
from qat_kit.errors import QatKitError, RecipeError, SettingsError, UnknownNameError
from qat_kit.files import read_bytes, sha256
from qat_kit.input_shapes import read_input_shapes
from qat_kit.tuning import Tuning
from qat_kit.vocabulary import BatchNorm, Forward, KernelSet, Scores, Task

if TYPE_CHECKING:
    import tf_keras

Count = Annotated[int, pydantic.Field(ge=1)]
Rate = Annotated[float, pydantic.Field(gt=0, allow_inf_nan=False)]
Fraction = Annotated[float, pydantic.Field(ge=0, le=1)]


class Settings(Tuning):
    """What a user may change of a run. A recipe subclasses it to change defaults or to add settings of its own.

    epochs, learning_rate: of float training; qat_epochs, qat_learning_rate: of fine-tuning with quantization.
    input_shapes: input name → sizes without the batch ("" for the only input; image=224x224x3 as text), for a model
    that leaves them open. batch_norm: `fold` before fine-tuning, or `train_then_fold`, which lets it move the
    statistics too.
    max_samples: at most so many samples of each split, for a quick look at a recipe, whose figures then say little.
    forward: what fine-tuning computes, `fake` (real numbers on grids) or `integer` (the integers of kernel_set, which
    is the target's unless given). rounding_noise: the share of codes that integer training moves by a step at random.
    no_user_data: golden inputs drawn at random, so that nothing of the data leaves with the model. minimum_accuracy: a
    gate; an int8 file below it makes the run fail, None asks for nothing. The rest is of `Tuning`.
    """

    seed: Annotated[int, pydantic.Field(ge=0, lt=2**32)] = 0
    scheme: str = "w8a8"
    target: str = "litert_xnnpack"
    epochs: Annotated[int, pydantic.Field(ge=0)] = 20
    learning_rate: Rate = 1e-3
    qat_epochs: Annotated[int, pydantic.Field(ge=0)] = 10
    qat_learning_rate: Rate = 2e-4
    input_shapes: Annotated[dict[str, tuple[Count, ...]], pydantic.BeforeValidator(read_input_shapes)] = pydantic.Field(
        default_factory=dict
    )
    batch_norm: BatchNorm = "fold"
    forward: Forward = "fake"
    kernel_set: KernelSet | None = None
    rounding_noise: Fraction = 0.0
    batch_size: Count = 32
    range_estimator: str = "min_max"
    num_threads: Count = 1
    num_latency_runs: Count = 300
    max_samples: Count | None = None
    no_user_data: bool = False
    minimum_accuracy: Fraction | None = None

    def changed(self, changes: Mapping[str, object]) -> Self:
        """The settings with some values replaced; text is read as the setting's type.

        Raises UnknownNameError for a setting that does not exist (with the nearest), SettingsError for a value that
        does not fit.

        >>> Settings().changed({"epochs": "3"}).epochs
        3
        """
        for name in changes:
            if name not in type(self).model_fields:
                raise UnknownNameError("setting", name, type(self).model_fields)
        try:
            return type(self)(**{**self.model_dump(), **changes})
        except pydantic.ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            raise SettingsError(f"setting {name} = {first['input']!r}: {first['msg']}") from None


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
    holds labels too. source_sha256: of the recipe's file, so that a changed recipe is not taken for the one that was
    begun.
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
    source_sha256: str = ""

    @property
    def heads(self) -> tuple[Head, ...]:
        """What each output is for, in the model's order."""
        return Head(task=self.task, scores=self.scores, loss=self.loss), *self.further


def load_recipe(name_or_path: str) -> Recipe:
    """A recipe by its name, or from a Python file of one's own that assigns `recipe`.

    Raises UnknownNameError with the nearest names; RecipeError when the file fails, with its own last line first.
    """
    if name_or_path.endswith(".py") or "/" in name_or_path:
        return _from_file(Path(name_or_path).expanduser())
    known = _modules()
    if name_or_path not in known:
        raise UnknownNameError("recipe", name_or_path, known)
    return _recipe_of(importlib.import_module(known[name_or_path]), name_or_path)


@contextmanager
def blaming(what: str) -> Iterator[None]:
    """Turns whatever a recipe's own code raises into a RecipeError: its last line first, then the way there.

    >>> try:
    ...     with blaming("recipe mine.py"):
    ...         {}["shape"]
    ... except RecipeError as error:
    ...     print(str(error).splitlines()[0])
    recipe mine.py failed: KeyError: 'shape'
    """
    try:
        yield
    except QatKitError:
        raise
    except (Exception, SystemExit) as error:
        last = traceback.format_exception_only(error)[-1].strip()
        ours = Path(__file__).parent
        frames = [
            frame
            for frame in traceback.extract_tb(error.__traceback__)
            if Path(frame.filename).parent != ours and not frame.filename.startswith("<frozen ")
        ]
        raise RecipeError(f"{what} failed: {last}\n{''.join(traceback.format_list(frames))}".rstrip()) from None


def all_recipes() -> tuple[Recipe, ...]:
    """The recipes that come with the package, by name."""
    return tuple(load_recipe(name) for name in sorted(_modules()))


def _modules() -> dict[str, str]:
    package = importlib.import_module("qat_kit.recipes")
    return {info.name: f"{package.__name__}.{info.name}" for info in pkgutil.iter_modules(package.__path__)}


def _from_file(path: Path) -> Recipe:
    if not path.is_file():
        raise RecipeError(f"there is no recipe file {path}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise RecipeError(f"{path} is not a Python file: a recipe file ends in .py")
    module = importlib.util.module_from_spec(spec)
    with blaming(f"recipe {path}"):
        spec.loader.exec_module(module)
    return _recipe_of(module, str(path))


def _recipe_of(module: ModuleType, where: str) -> Recipe:
    recipe = getattr(module, "recipe", None)
    if not isinstance(recipe, Recipe):
        raise RecipeError(f"recipe {where} must assign `recipe = Recipe(…)`, it has {type(recipe).__name__}")
    source = sha256(read_bytes(Path(str(module.__file__))))
    return Recipe(**{**recipe.__dict__, "source_sha256": source})
