"""What the scoreboard's contenders are given: `contenders/subject.py` reads what stands here."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from qat_kit.files import write_text
from qat_kit.recipe import load_recipe

ROOT = Path(__file__).parents[2]


def make_subject(name: str, seed: int, runs: Path) -> Path:
    """The folder with a recipe's float model and data, as `contenders/subject.py` reads it."""
    source, folder = runs / "results" / name / str(seed), runs / "scoreboard" / name / str(seed)
    if not (source / "model.float32.tflite").exists():
        command = [sys.executable, ROOT / "scripts" / "results.py", name, "--seeds", str(seed + 1)]
        subprocess.run([*command, "--runs", runs / "results"], check=True)
    if (folder / "subject.json").exists():
        return folder
    from qat_kit.checks import check_dataset
    from qat_kit.keras_models import load_model

    recipe = load_recipe(name)
    settings = recipe.settings
    dataset = check_dataset(recipe.load_data(settings), recipe.task)
    folder.mkdir(parents=True, exist_ok=True)
    model = load_model(source / "float.keras")
    plain, augment = without_random_layers(model)
    plain.save(folder / "plain.h5")
    leave_out_defaults(folder / "plain.h5")
    if augment is not None:
        augment.save(folder / "augment.keras")
    for file in ("float.keras", "model.float32.tflite"):
        shutil.copy(source / file, folder / file.replace("model.float32", "float32"))
    (calibration,) = dataset.calibration.inputs
    np.savez(folder / "calibration.npz", **{model.input_names[0]: calibration[:128]})
    np.savez(folder / "test.npz", inputs=dataset.test.inputs[0], labels=dataset.test.labels)
    np.savez(
        folder / "data.npz",
        x_train=dataset.train.inputs[0],
        y_train=dataset.train.labels,
        x_validation=dataset.validation.inputs[0],
        y_validation=dataset.validation.labels,
        x_calibration=calibration[:128],
    )
    facts = {
        "epochs": settings.qat_epochs,
        "batch_size": settings.batch_size,
        "learning_rate": settings.qat_learning_rate,
        "from_logits": recipe.scores == "logits",
        "seed": seed,
        "input_name": model.input_names[0],
    }
    write_text(folder / "subject.json", json.dumps(facts, indent=2) + "\n")
    return folder


def without_random_layers(model: Any) -> tuple[Any, Any]:
    """The model from behind its random layers on, and those layers as a model of their own (None without any).

    Rivals refuse them, or train without them in silence; they get them in front of their data instead.
    """
    import tf_keras

    random = [layer for layer in model.layers if type(layer).__name__.startswith("Random")]
    if not random:
        return model, None
    last = random[-1].output
    return tf_keras.Model(last, model.output), tf_keras.Model(model.input, last)


def leave_out_defaults(path: Path) -> None:
    """Takes arguments that older or newer Keras does not know out of an `.h5` file, where they hold the default."""
    import h5py

    def cleaned(value: Any) -> Any:
        if isinstance(value, list):
            return [cleaned(item) for item in value]
        if not isinstance(value, dict):
            return value
        defaults = (("optional", False), ("rng_type", "stateful"))
        kept = {key: cleaned(item) for key, item in value.items() if (key, item) not in defaults}
        if kept.get("class_name") == "SeparableConv2D" and kept["config"].get("groups") == 1:
            # Keras 3 names the two kernels' initializers, regularizers and constraints, and not a third.
            drop = {"groups", *(key for key in kept["config"] if key.startswith("kernel_") and key != "kernel_size")}
            kept["config"] = {key: item for key, item in kept["config"].items() if key not in drop}
        return kept

    with h5py.File(path, "r+") as file:
        file.attrs["model_config"] = json.dumps(cleaned(json.loads(file.attrs["model_config"]))).encode()
