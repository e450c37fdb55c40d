"""The list of recipes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import Console

from qat_kit.screen.console import table_of

if TYPE_CHECKING:
    from qat_kit.recipe import Recipe


def show_recipes(console: Console, recipes: Iterable[Recipe]) -> None:
    """One recipe a line: what it is for, its data, what its int8 file reaches, and how long that takes."""
    table = table_of("recipe", "task", "what it is", "data")
    table.add_column("int8\nreaches")
    table.add_column("minutes", justify="right")
    for recipe in recipes:
        minutes = "" if recipe.minutes is None else f"{recipe.minutes:g}"
        table.add_row(recipe.name, recipe.task, recipe.summary, recipe.data, _expected(recipe), minutes)
    console.print(table)
    console.print("minutes: of a full run on two cores", highlight=False, style="italic")


def _expected(recipe: Recipe) -> str:
    if recipe.expected is None:
        return ""
    name = (recipe.figure or "").replace("_", " ")
    return f"{recipe.expected:.4g} {name}".strip()
