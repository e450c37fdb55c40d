"""`qat-kit convert` as a person starts it."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import pytest
import tf_keras

from qat_kit.litert.interpreter import Interpreter
from qat_kit.numerics.error import sqnr_db
from tests.support import models


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    model = models.PATTERNS["dense_bn_relu"]()
    model.save(tmp_path / "net.h5")
    np.savez(tmp_path / "samples.npz", image=models.samples(model, 40)[0], labels=np.arange(40))
    return tmp_path / "net.h5"


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_a_saved_model_becomes_a_proven_file(qat_kit_command, model_file: Path, tmp_path: Path) -> None:
    data, out = tmp_path / "samples.npz", tmp_path / "out"
    command = ("convert", model_file, "--representative", data, "--samples", "40", "--out", out, "--json")
    done = qat_kit_command(*command)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["certificate"]["passed"] is True
    assert "fully int8" in facts["certificate"]["verdict"]
    assert Path(facts["file"]) == out / "model.tflite"
    # Forty classes are more than the net has: that is told, and everything else was asked of the file.
    assert "accuracy is not compared: labels must be 0 to " in done.stderr
    left = {name: (out / name).read_bytes() for name in ("model.tflite", "manifest.json", "certificate.json")}
    states = {check["name"]: check["outcome"] for check in json.loads(left["certificate.json"])["checks"]}
    asked = ("golden vectors", "equals the simulator (xnnpack)", "kernel sets agree", "parity with training")
    assert {states[name] for name in asked} == {"checked"}
    again = qat_kit_command(*command[:-1])
    assert again.returncode == 0
    assert "pass  equals the simulator (reference)" in again.stdout
    assert {name: (out / name).read_bytes() for name in left} == left
    assert qat_kit_command("verify", out / "model.tflite").returncode == 0


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_what_is_missing_is_said(qat_kit_command, model_file: Path, tmp_path: Path) -> None:
    done = qat_kit_command("convert", model_file, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "scheme 'w8a8' needs representative data: give an .npz or a folder" in done.stderr
    assert not (tmp_path / "out" / "model.tflite").exists()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
@pytest.mark.parametrize("kind", ["keras2", "keras3", "saved_model"])
def test_models_of_every_format_are_taken(qat_kit_command, kind: str, tmp_path: Path) -> None:
    path = tmp_path / ("net" if kind == "saved_model" else "net.keras")
    if kind == "keras3":
        inputs = keras.Input((8,), name="image")
        keras.Model(inputs, keras.layers.Dense(4)(inputs)).save(path)
    else:
        inputs = tf_keras.Input((8,), name="image")
        tf_keras.Model(inputs, tf_keras.layers.Dense(4)(inputs)).save(path)
    np.savez(tmp_path / "samples.npz", image=np.random.default_rng(0).normal(size=(16, 8)).astype(np.float32))
    out = tmp_path / "out"
    command = ("convert", path, "--representative", tmp_path / "samples.npz", "--samples", "16", "--out", out)
    done = qat_kit_command(*command, "--io", "uint8", "--no-user-data")
    assert done.returncode == 0, done.stderr
    manifest = json.loads((out / "manifest.w8a8.uint8_io.json").read_text())
    assert manifest["golden"]["origin"] == "synthetic"
    assert manifest["calibration"]["source"] is None
    assert qat_kit_command("verify", out / "model.w8a8.uint8_io.tflite", "--io", "uint8").returncode == 0


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_equalization_saves_what_small_channels_say(qat_kit_command, tmp_path: Path) -> None:
    image = tf_keras.Input((6,), name="image")
    hidden = tf_keras.layers.Dense(16, activation="relu", name="hidden")(image)
    model = models.randomized(tf_keras.Model(image, tf_keras.layers.Dense(4, name="scores")(hidden)))
    factor = np.where(np.arange(16) % 2, 100.0, 1.0)
    kernel, bias, after, last_bias = model.get_weights()
    model.set_weights([kernel * factor, bias * factor, after / factor[:, None], last_bias])
    model.save(tmp_path / "net.h5")
    (inputs,) = models.samples(model, 128)
    np.savez(tmp_path / "samples.npz", image=inputs)
    out = tmp_path / "out"
    command = ("convert", tmp_path / "net.h5", "--representative", tmp_path / "samples.npz", "--out", out, "--equalize")
    done = qat_kit_command(*command)
    assert done.returncode == 0, done.stderr
    assert "equalized: hidden → scores" in " ".join(done.stdout.split())
    assert json.loads((out / "manifest.json").read_text())["settings"]["equalization"] is True
    # 25.0 dB as measured; 10.6 without it.
    assert sqnr_db(model(inputs).numpy(), Interpreter(out / "model.tflite").run_real(inputs)) > 20
