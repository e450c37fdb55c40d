"""The ways to find a recipe: by its name, or in a file of one's own."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from qat_kit.errors import QatKitError, RecipeError, UnknownNameError
from qat_kit.files import read_bytes, sha256
from qat_kit.recipe.types import Recipe

_HERE = Path(__file__).parent
# What recipes are made of beside their own file.
_PARTS = (_HERE.parent / "nets", _HERE.parent / "datasets")


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
        ours = (_HERE, _HERE.parent, _HERE.parent / "run")
        frames = [
            frame
            for frame in traceback.extract_tb(error.__traceback__)
            if Path(frame.filename).parent not in ours and not frame.filename.startswith("<frozen ")
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
    files = [Path(str(module.__file__)), *(path for folder in _PARTS for path in sorted(folder.glob("*.py")))]
    return replace(recipe, source_sha256=sha256(b"".join(sha256(read_bytes(file)).encode() for file in files)))
