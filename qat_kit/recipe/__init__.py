"""A recipe: the data, the model, and what differs from the defaults. And the ways to find one."""

from qat_kit.recipe.loading import all_recipes, blaming, load_recipe
from qat_kit.recipe.losses import loss_named
from qat_kit.recipe.settings import Count, Fraction, Rate, Settings
from qat_kit.recipe.types import Head, Recipe

__all__ = [
    "Count",
    "Fraction",
    "Head",
    "Rate",
    "Recipe",
    "Settings",
    "all_recipes",
    "blaming",
    "load_recipe",
    "loss_named",
]
