"""The main job: `qat-kit run digits`, and everything that it leaves behind."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest

from qat_kit.litert.interpreter import Interpreter
from qat_kit.manifest import Manifest
from qat_kit.results import Certificate, Measurement, TrainedTensors
from qat_kit.verify import verify

from .conftest import SHORT

pytestmark = pytest.mark.xdist_group("digits")

FILES = [
    "float.keras",
    "qat.keras",
    "model.tflite",
    "model.float32.tflite",
    "manifest.json",
    "evaluation.npz",
    "training.json",
    "flips.npz",
    "certificate.json",
    "measurement.json",
]


def test_the_files_are_there_and_no_scaffolding(short_run):
    assert {path.name for path in short_run.iterdir()} == {*FILES, "tensors.json", "run.json", "log.txt", ".lock"}


def test_the_screen_shows_the_table_the_drop_and_the_verdict_and_nothing_of_tensorflow(short_run):
    screen = (short_run.parent / "screen.txt").read_text(encoding="utf-8")
    for words in ("float", "QAT in Keras", "float32 file", "int8 file", "xnnpack×1", "McNemar p = ", "flipped"):
        assert words in screen
    assert "certificate: fully int8: " in screen
    assert "oneDNN" not in screen
    assert "oneDNN" in (short_run / "log.txt").read_text()
    assert max(len(line) for line in screen.splitlines()) <= 80


def test_the_certificate_and_the_manifest_are_of_this_file(short_run):
    digest = hashlib.sha256((short_run / "model.tflite").read_bytes()).hexdigest()
    certificate = Certificate.load(short_run / "certificate.json")
    manifest = Manifest.load(short_run / "manifest.json")
    assert certificate.passed
    assert certificate.sha256 == digest == manifest.files[0].sha256
    assert [(file.name, file.kind) for file in manifest.files] == [
        ("model.tflite", "int8"),
        ("model.float32.tflite", "float32"),
    ]
    assert manifest.settings["epochs"] == 8
    assert len(manifest.calibration.indices) == manifest.calibration.num_samples == 120
    assert manifest.inputs[0].dtype == manifest.outputs[0].dtype == "int8"


def test_the_measurement_holds_every_figure_of_the_table(short_run):
    measurement = Measurement.load(short_run / "measurement.json")
    assert [model.name for model in measurement.models] == ["float", "qat_simulated", "float32_tflite", "int8_tflite"]
    for model in measurement.models:
        assert model.quality is not None
        assert model.quality.num_samples == 360
        assert model.quality.accuracy_low < model.quality.accuracy < model.quality.accuracy_high
        assert model.latency.p50_ms <= model.latency.p90_ms
    comparison = next(item for item in measurement.comparisons if item.candidate == "int8_tflite")
    assert comparison.flipped >= comparison.lost + comparison.gained
    drop = measurement["float"].quality.accuracy - measurement["int8_tflite"].quality.accuracy
    assert comparison.accuracy_drop_points == pytest.approx(100 * drop)


def test_every_scale_in_the_file_is_the_one_of_training(short_run):
    trained = TrainedTensors.load(short_run / "tensors.json")
    assert verify(short_run / "model.tflite", expected=trained).passed
    name, record = next(iter(trained.outputs.items()))
    moved = record.model_copy(update={"scale": (float(np.nextafter(np.float32(record.scale[0]), np.float32(1))),)})
    changed = trained.model_copy(update={"outputs": {**trained.outputs, name: moved}})
    certificate = verify(short_run / "model.tflite", expected=changed)
    assert not certificate.passed
    assert {finding.layer for finding in certificate.findings} == {name}


def test_the_simulated_model_reloads_in_a_fresh_process_to_the_same_outputs(short_run, tmp_path):
    script = (
        "import sys, numpy as np;"
        "from qat_kit.keras_models import load_model; from qat_kit.datasets import load_digits;"
        "model = load_model(sys.argv[1]); np.save(sys.argv[2], model.predict(load_digits().test.inputs[0], verbose=0))"
    )
    answers = []
    for attempt in range(2):
        file = tmp_path / f"{attempt}.npy"
        subprocess.run([sys.executable, "-c", script, short_run / "qat.keras", file], check=True, capture_output=True)
        answers.append(np.load(file))
    np.testing.assert_array_equal(answers[0], answers[1])
    from qat_kit.datasets import load_digits

    interpreter = Interpreter(short_run / "model.tflite", kernel_set="reference")
    device = np.concatenate([interpreter.run_real(image[None]) for image in load_digits().test.inputs[0]])
    scale = Manifest.load(short_run / "manifest.json").outputs[0].scale
    # The integer kernels round the accumulator, the simulation the real value: flips of single steps add up over
    # the layers (three convolutions and a dense layer here).
    assert np.max(np.abs(device - answers[0])) <= 4.5 * scale


def test_asked_again_it_shows_the_same_and_does_nothing(short_run, qat_kit_command):
    before = {path.name: path.stat().st_mtime_ns for path in short_run.iterdir() if path.name in FILES}
    done = qat_kit_command("run", "digits", *SHORT, "--out", short_run, "--json")
    assert done.returncode == 0
    facts = json.loads(done.stdout)
    assert facts["certificate"]["passed"] is True
    assert facts["measurement"]["models"][3]["name"] == "int8_tflite"
    assert before == {path.name: path.stat().st_mtime_ns for path in short_run.iterdir() if path.name in FILES}


def test_another_seed_in_the_same_folder_is_refused(short_run, qat_kit_command):
    done = qat_kit_command("run", "digits", *SHORT, "--seed", "1", "--out", short_run)
    assert done.returncode == 2
    assert "seed=1 instead of 0" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_same_seed_gives_the_same_bytes(short_run, qat_kit_command, tmp_path):
    done = qat_kit_command("run", "digits", *SHORT, "--out", tmp_path / "again")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "again" / "model.tflite").read_bytes() == (short_run / "model.tflite").read_bytes()
    assert (tmp_path / "again" / "tensors.json").read_bytes() == (short_run / "tensors.json").read_bytes()
