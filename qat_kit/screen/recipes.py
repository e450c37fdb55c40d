"""The list of recipes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import Console

from qat_kit.screen.console import table_of

if TYPE_CHECKING:
    from qat_kit.recipe import Recipe


def show_recipes(console: Console, recipes: Iterable[Recipe]) -> None:
    """One recipe a line."""
    table = table_of("recipe", "task", "what it is")
    for recipe in recipes:
        table.add_row(recipe.name, recipe.task, recipe.summary)
    console.print(table)
