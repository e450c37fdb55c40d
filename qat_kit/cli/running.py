"""Running recipes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from qat_kit.cli.app import print_json
from qat_kit.cli.options import AsJson
from qat_kit.errors import SettingsError
from qat_kit.screen import Screen


def list_recipes(as_json: AsJson = False) -> None:
    """List the recipes."""
    from qat_kit.recipe import all_recipes
    from qat_kit.screen import show_recipes

    recipes = all_recipes()
    if as_json:
        names = ("name", "summary", "task", "data", "figure", "expected", "minutes")
        print_json([{name: getattr(recipe, name) for name in names} for recipe in recipes])
        return
    show_recipes(Screen(), recipes)


def run(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="A recipe's name, or a Python file of your own.")],
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting; may be repeated.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run; runs/RECIPE without it.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed; the same seed gives the same file.")] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh/--resume", help="Start anew, or go on where the run stopped (the default).")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run a recipe: train, quantize, convert, verify, measure."""
    from dataclasses import replace

    from qat_kit.folder import LOG, refuse_foreign
    from qat_kit.progress import RichProgress
    from qat_kit.recipe import load_recipe
    from qat_kit.screen import chatter_to, show_measurement

    wishes = _parse_changes(changes or [], seed)
    with chatter_to(Path(os.devnull)) as (_, stderr), RichProgress(Screen(file=stderr)).track("reading the recipe", 1):
        loaded = load_recipe(recipe)
    loaded = replace(loaded, settings=loaded.settings.changed(wishes))
    folder = (out or Path("runs") / loaded.name).expanduser()
    refuse_foreign(folder)
    with chatter_to(folder / LOG) as (stdout, stderr):
        # With --json, stdout carries the JSON and nothing else.
        screen = Screen(file=stderr if as_json else stdout)
        progress = RichProgress(screen)
        progress.say(f"{loaded.name}: {loaded.summary}")
        with progress.track("starting TensorFlow", 1):
            from qat_kit.run import refuse_poor_figures, run_stages

        result = run_stages(loaded, folder, fresh=fresh, progress=progress)
        if as_json:
            facts = {
                "folder": str(folder),
                "certificate": {"passed": result.certificate.passed, "verdict": result.certificate.verdict},
                "manifest": result.artifact.manifest.model_dump(mode="json"),
                "measurement": result.measurement.model_dump(mode="json"),
            }
            print(json.dumps(facts, indent=2), file=stdout)
        else:
            show_measurement(screen, result.measurement, result.certificate)
            progress.say(f"in {folder}/")
        refuse_poor_figures(result.measurement, loaded.settings)


def _parse_changes(changes: list[str], seed: int | None) -> dict[str, object]:
    wishes: dict[str, object] = {} if seed is None else {"seed": seed}
    for change in changes:
        name, sign, value = (part.strip() for part in change.partition("="))
        if not sign or not name:
            raise SettingsError(f"--set takes KEY=VALUE, received {change!r}")
        if name in wishes:
            raise SettingsError(f"{name} is given twice: {wishes[name]} and {value}")
        wishes[name] = value
    return wishes
