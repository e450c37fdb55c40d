"""Runs recipes with several seeds and writes docs/results.md: float, float trained as long as QAT, and int8.

scripts/results                          every recipe, three seeds
scripts/results mnist_mlp digits         these recipes
scripts/results --smoke                  every recipe on a few samples, one seed; writes no document
scripts/results --document               writes the document from what is there, runs nothing

Float is fine-tuned for the same extra epochs as QAT, with the same schedule, so that a gain of QAT's is not merely more
training. Runs stand in runs/results/RECIPE/SEED; one that was killed goes on, one that is finished is not run again.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console

from qat_kit.errors import QatKitError
from qat_kit.files import write_text
from qat_kit.progress import RichProgress
from qat_kit.recipe import Recipe, all_recipes, load_recipe

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "results.md"
SMOKE = {"epochs": 1, "qat_epochs": 1, "max_samples": 64, "num_latency_runs": 5}
PROGRESS = RichProgress(Console(stderr=True))
# Of the bootstrap of figures that each draw computes anew.
NUM_DRAWS = 100
# Figures that are shares, and better read as such.
PERCENT = ("accuracy", "macro_recall", "equal_error_rate", "hit_rate_at_10")
PACKAGES = ("tensorflow", "tf-keras", "tensorflow-model-optimization", "ai-edge-litert")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="recipes; without a name, all of them")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--document", action="store_true")
    parser.add_argument("--runs", type=Path, help="the folder of the runs; runs/results, or runs/smoke with --smoke")
    arguments = parser.parse_args()
    # Many models in one process are what this script is for.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    recipes = [load_recipe(name) for name in arguments.names] or list(all_recipes())
    runs = arguments.runs or ROOT / "runs" / ("smoke" if arguments.smoke else "results")
    failed = 0
    for recipe in [] if arguments.document else recipes:
        changed = replace(recipe, settings=recipe.settings.changed(SMOKE)) if arguments.smoke else recipe
        for seed in range(1 if arguments.smoke else arguments.seeds):
            try:
                figures = one_seed(changed, seed, runs / recipe.name / str(seed))
            except QatKitError as error:
                failed += 1
                print(f"{recipe.name}, seed {seed}: {error}", file=sys.stderr)
            else:
                print(f"{recipe.name}, seed {seed}: {json.dumps(figures)}", flush=True)
    if not arguments.smoke:
        write_text(DOCUMENT, document(runs))
        print(f"wrote {DOCUMENT}")
    return 1 if failed else 0


def one_seed(recipe: Recipe, seed: int, folder: Path) -> dict[str, Any]:
    """The figures of one run, from its folder where it is finished."""
    kept = folder / "figures.json"
    if kept.is_file():
        figures: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
        return figures
    from qat_kit.run import run_stages

    recipe = replace(recipe, settings=recipe.settings.changed({"seed": seed}))
    begin = time.perf_counter()
    result = run_stages(recipe, folder, progress=PROGRESS)
    measured = {name: result.measurement[name] for name in ("float", "float32_tflite", "int8_tflite")}
    figures = {
        "seed": seed,
        "seconds": round(time.perf_counter() - begin, 1),
        "verdict": result.certificate.verdict,
        "int8_bytes": measured["int8_tflite"].size_bytes,
        "float32_bytes": measured["float32_tflite"].size_bytes,
        "latency_ratio": measured["int8_tflite"].latency.p50_ms / measured["float32_tflite"].latency.p50_ms,
        **against_float(recipe, folder, result.artifact.path),
    }
    write_text(kept, json.dumps(figures, indent=2) + "\n")
    return figures


def against_float(recipe: Recipe, folder: Path, file: Path) -> dict[str, Any]:
    """The int8 file beside its float model, and beside that one trained on for as many epochs as QAT took.

    By the figure that matters to the recipe; where answers are classes, those lost and gained, too.
    """
    from qat_kit.checks import check_dataset
    from qat_kit.keras_models import load_model, predict_all
    from qat_kit.measure import evaluate_all
    from qat_kit.run.judging import comparisons, judge_outputs, paired
    from qat_kit.training import TrainingSettings, fit, fix_randomness, joint_loss, loss_for

    settings = recipe.settings
    dataset = check_dataset(recipe.load_data(settings), *(head.task for head in recipe.heads))
    if settings.max_samples is not None:
        dataset = dataset.at_most(settings.max_samples)
    test = dataset.test
    fix_randomness(settings.seed)
    model = load_model(folder / "float.keras")
    outputs = {"float": predict_all(model, test)}
    fit(
        model,
        dataset.train,
        loss=joint_loss([head.loss or loss_for(head.task, head.scores) for head in recipe.heads]),
        settings=TrainingSettings(
            epochs=settings.qat_epochs,
            batch_size=settings.batch_size,
            learning_rate=settings.qat_learning_rate,
            seed=settings.seed,
        ),
        checkpoint=folder / "float_as_long.npz",
        description="float, trained as long",
        progress=PROGRESS,
    )
    outputs["float_as_long"] = predict_all(model, test)
    outputs["int8"] = evaluate_all(file, dict(zip(model.input_names, test.inputs, strict=True)))
    qualities = {name: judge_outputs(recipe, found, test) for name, found in outputs.items()}
    metric = qualities["int8"].headline
    against = {name: outputs[name] for name in ("float_as_long", "int8")}
    difference = paired(recipe, against, test, figures=(metric,), num_draws=NUM_DRAWS).differences[metric]
    figures = {
        "metric": metric,
        "unit": qualities["int8"].figures[metric].unit,
        "num_samples": len(test),
        **{name: quality.figures[metric].value for name, quality in qualities.items()},
        "difference": difference.difference,
        "difference_low": difference.low,
        "difference_high": difference.high,
        "p_value": difference.p_value,
    }
    for compared in comparisons(recipe, against, test):
        figures |= {"lost": compared.lost, "gained": compared.gained, "flipped": compared.flipped}
    return figures


def document(runs: Path) -> str:
    """All finished runs as one page."""
    found: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(runs.glob("*/*/figures.json")):
        found.setdefault(path.parent.parent.name, []).append(json.loads(path.read_text(encoding="utf-8")))
    lines = [
        "# Results",
        "",
        f"*Written by `scripts/results` on {date.today():%d %B %Y}: "
        f"{', '.join(f'{package} {version(package)}' for package in PACKAGES)}.*",
        "",
        "Each recipe on its own test set, mean over seeds and, in brackets, the lowest and the highest. *As long*: the "
        "float model trained on for as many epochs as QAT took, which is what int8 is compared with. *Net losses*: "
        "answers that int8 loses against it, less those that it gains, summed over the seeds. *Size*, *time*: the int8 "
        "file to the float32 file, time on XNNPACK, one thread, batch 1, in turns.",
        "",
        "| recipe | seeds | test samples | metric | float | float, as long | int8 | net losses | int8 bytes | size | "
        "time |",
        "|" + "---|" * 11,
    ]
    for name, seeds in found.items():
        metric = seeds[0]["metric"]
        percent = metric in PERCENT
        cells = [
            f"`{name}`",
            str(len(seeds)),
            f"{seeds[0]['num_samples']:,}",
            " ".join(filter(None, (metric.removesuffix("_db").replace("_", " "), seeds[0].get("unit")))),
            *(spread([run[key] for run in seeds], percent=percent) for key in ("float", "float_as_long", "int8")),
            str(sum(run["lost"] - run["gained"] for run in seeds)) if "lost" in seeds[0] else "",
            f"{max(run['int8_bytes'] for run in seeds):,}",
            f"{statistics.mean(run['int8_bytes'] / run['float32_bytes'] for run in seeds):.2f}",
            f"{statistics.median(run['latency_ratio'] for run in seeds):.2f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    verdicts = {run["verdict"] for seeds in found.values() for run in seeds}
    whole = all(verdict.startswith("fully int8") for verdict in verdicts)
    lines += ["", "Every file is fully int8 by its certificate." if whole else f"Certificates: {sorted(verdicts)}"]
    return "\n".join(lines) + "\n"


def spread(values: Sequence[float], *, percent: bool) -> str:
    """The mean, and from where to where.

    >>> spread([0.98, 0.99], percent=True)
    '98.50 % (98.00–99.00)'
    """

    def shown(value: float) -> str:
        return f"{100 * value:.2f}" if percent else f"{value:.4f}"

    mean = shown(statistics.mean(values)) + (" %" if percent else "")
    return f"{mean} ({shown(min(values))}–{shown(max(values))})" if len(values) > 1 else mean


if __name__ == "__main__":
    sys.exit(main())
