"""A model of every scheme is saved, loaded in a fresh process and trained on: the same losses and the same weights."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tf_keras import layers

from qat_kit.datasets import Split
from qat_kit.errors import DataError
from qat_kit.files import sha256
from qat_kit.keras_models import load_qat, save_qat
from qat_kit.prepare import prepare
from qat_kit.qat import QatOptions, train
from qat_kit.results import QatModel
from qat_kit.schemes import QuantScheme, get_scheme, scheme_names
from qat_kit.simulation import simulate, trained_tensors
from qat_kit.training import History, TrainingSettings, fix_randomness, loss_for
from tests.support.models import VECTOR, chain, model_of

LOSS = loss_for("classification", "logits")
EPOCHS, STEPS, STOP = 5, 3, 2


def ways() -> dict[str, QuantScheme]:
    """Every scheme that is trained, and every way of training one."""
    schemes = {name: get_scheme(name) for name in scheme_names() if get_scheme(name).activation_mode == "static"}
    schemes.pop("w8a8_unsigned")
    changes = [
        ("w8a8", {"weight_ranges": "least_squares", "activation_ranges": "learned_step"}),
        ("w4a8", {"weight_ranges": "power_of_two_step", "activation_ranges": "clipped"}),
        ("w4a8", {"weight_ranges": "min_max", "activation_ranges": "soft"}),
        ("w8a16", {"activation_ranges": "learned_step"}),
        ("ternary_a8", {"weight_ranges": "learned_step"}),
        ("binary_a8", {"binary_gradient": "approximate_sign"}),
    ]
    return {**schemes, **{"_".join([name, *way.values()]): get_scheme(name).trained_by(**way) for name, way in changes}}


FAST = ("w8a8_least_squares_learned_step",)


def made(scheme: QuantScheme) -> QatModel:
    fix_randomness(0)
    parts = [layers.Dense(8, name="first"), layers.ReLU(name="relu"), layers.Dropout(0.3), layers.Dense(8, name="body")]
    model = model_of(chain(*parts, layers.ReLU(name="relu2"), layers.Dense(3, name="last")), VECTOR)
    return simulate(prepare(model), [data().inputs], scheme=scheme, target="litert_builtin")


def data() -> Split:
    inputs = np.random.default_rng(3).normal(size=(STEPS * 8, *VECTOR)).astype(np.float32)
    return Split(inputs=(inputs,), labels=np.argmax(inputs[:, :3], axis=1))


def trained(qat: QatModel, checkpoint: Path, *, steps: int | None = None) -> History:
    """Trains to the end, or to the first step behind so many."""
    split = data()
    settings = TrainingSettings(epochs=EPOCHS, batch_size=8, learning_rate=0.02, average_decay=0.9, clip_norm=1.0)
    arguments = {"calibration": [split.inputs], "loss": LOSS, "settings": settings, "validation": split}
    options = QatOptions(penalty=0.1, freeze={"first": 0.8})
    if steps is None:
        return train(qat, split, options=options, checkpoint=checkpoint, **arguments)[1]
    with pytest.raises(KeyboardInterrupt):
        train(qat, split, options=options, checkpoint=checkpoint, progress=Dying(steps), **arguments)
    return []


class Dying:
    """A progress that is interrupted behind so many steps."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    @contextmanager
    def track(self, description: str, total: int) -> Iterator[Callable[[int], None]]:
        del description, total
        yield self.advance

    def advance(self, steps: int) -> None:
        self.steps -= steps
        if self.steps < 0:
            raise KeyboardInterrupt

    def say(self, line: str) -> None:
        del line


def summary(qat: QatModel, history: History) -> dict[str, Any]:
    """What must be the same: losses, weights, what the file would hold, and the answers."""
    answers = qat.model.predict_on_batch(data().inputs[0])
    return {
        "losses": [figures["loss"] for figures in history],
        "validation": [figures["validation_loss"] for figures in history],
        "weights": [sha256(weight.tobytes()) for weight in qat.model.get_weights()],
        "tensors": trained_tensors(qat.model).model_dump(mode="json"),
        "answers": sha256(answers.tobytes()),
        "scheme": qat.scheme.to_json(),
    }


def resume(folder: Path) -> None:
    """What the fresh process does with each model of a folder."""
    results = {}
    for path in sorted(folder.glob("*.keras")):
        fix_randomness(99)
        qat = load_qat(path)
        again = made(qat.scheme).model
        again.load_weights(path.with_suffix(".weights.h5"))
        same = all(
            np.array_equal(one, two) for one, two in zip(again.get_weights(), qat.model.get_weights(), strict=True)
        )
        at_load = summary(qat, [])
        history = trained(qat, path.with_suffix(".npz"))
        results[path.stem] = {"by weights": same, "loaded": at_load, "trained": summary(qat, history)}
    sys.stdout.write(json.dumps(results))


def assert_resumed(names: tuple[str, ...], folder: Path) -> None:
    expected = {}
    (folder / "whole").mkdir()
    for name in names:
        scheme = ways()[name]
        whole = made(scheme)
        history = trained(whole, folder / "whole" / f"{name}.npz")
        stopped = made(scheme)
        trained(stopped, folder / f"{name}.npz", steps=STOP * STEPS + 1)
        save_qat(stopped, folder / f"{name}.keras")
        stopped.model.save_weights(folder / f"{name}.weights.h5")
        expected[name] = {"by weights": True, "loaded": summary(stopped, []), "trained": summary(whole, history)}
    program = "import sys, pathlib; from tests.unit.qat.test_saving import resume; resume(pathlib.Path(sys.argv[1]))"
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder)], capture_output=True, text=True, check=False, cwd=root
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    for name in names:
        for part in ("by weights", "loaded", "trained"):
            assert found[name][part] == expected[name][part], (name, part)
        assert len(found[name]["trained"]["losses"]) == EPOCHS


def test_training_goes_on_in_a_fresh_process_with_the_same_losses(tmp_path: Path) -> None:
    assert_resumed(FAST, tmp_path)


@pytest.mark.slow
def test_training_goes_on_in_a_fresh_process_for_every_other_scheme(tmp_path: Path) -> None:
    assert_resumed(tuple(name for name in ways() if name not in FAST), tmp_path)


def test_a_model_that_was_saved_otherwise_is_refused(tmp_path: Path) -> None:
    for name, content in (("text.keras", b"text"), ("absent.keras", None)):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=rf"{name} is no model that save_qat wrote"):
            load_qat(tmp_path / name)
    with zipfile.ZipFile(tmp_path / "zip.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    with pytest.raises(DataError, match="is no model that save_qat wrote"):
        load_qat(tmp_path / "zip.keras")
