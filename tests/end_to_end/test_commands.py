"""The other commands, and what bad input gets: one clear error, exit code 2, nothing half-written."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from qat_kit.datasets import load_digits

from .conftest import SHORT

pytestmark = pytest.mark.xdist_group("digits")

# What stands for a machine without TensorFlow: the import fails as it would there.
WITHOUT_TENSORFLOW = (
    "import sys;"
    "sys.modules.update(dict.fromkeys(('tensorflow', 'tf_keras', 'keras', 'tensorflow_model_optimization')));"
    "sys.argv = ['qat-kit', *sys.argv[1:]]; from qat_kit.cli import main; main()"
)

# A layer that has no int8 kernel in the converter's eyes.
WITH_LOCAL = (
    "from dataclasses import replace\n"
    "from qat_kit.recipes.digits import recipe as digits\n"
    "def build_model(settings):\n"
    "    import tf_keras\n"
    "    from tf_keras import layers\n"
    "    return tf_keras.Sequential([tf_keras.Input((8, 8, 1)), layers.Conv2D(4, 3),\n"
    "        layers.LocallyConnected2D(4, 3, name='bend'), layers.Flatten(), layers.Dense(10)])\n"
    "recipe = replace(digits, build_model=build_model)\n"
)


def refused(done, *words):
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


def test_help_names_the_commands(qat_kit_command):
    done = qat_kit_command("--help")
    assert done.returncode == 0
    for command in (
        "run",
        "list",
        "verify",
        "inspect",
        "diff",
        "repro",
        "debug",
        "measure",
        "golden",
        "android",
        "compare",
        "cost",
        "report",
    ):
        assert command in done.stdout


def test_list(qat_kit_command):
    assert "digits" in qat_kit_command("list").stdout
    assert "digits" in [recipe["name"] for recipe in json.loads(qat_kit_command("list", "--json").stdout)]


def test_no_such_recipe(qat_kit_command, tmp_path):
    refused(qat_kit_command("run", "digit", cwd=tmp_path), "no recipe named 'digit'", "did you mean 'digits'")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("epoch=3", "did you mean 'epochs'"),
        ("epochs=many", "setting epochs = 'many'"),
        ("epochs", "--set takes KEY=VALUE"),
        ("scheme=w8a9", "there is no scheme named 'w8a9'"),
        ("target=litert_xnnpak", "did you mean 'litert_xnnpack'"),
        ("range_estimator=minmax", "did you mean 'min_max'"),
    ],
)
def test_settings_that_cannot_be(qat_kit_command, tmp_path, change, words):
    refused(qat_kit_command("run", "digits", "--set", change, "--out", tmp_path / "run"), words)
    assert not (tmp_path / "run" / "run.json").exists()


def test_a_recipe_file_that_fails(qat_kit_command, tmp_path):
    path = tmp_path / "broken.py"
    path.write_text("raise KeyError('shape')\n")
    done = qat_kit_command("run", path, "--out", tmp_path / "run")
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == f"error: recipe {path} failed: KeyError: 'shape'"
    assert not (tmp_path / "run").exists()


def test_a_recipe_of_ones_own_runs_the_same_way(qat_kit_command, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "from dataclasses import replace\n"
        "from qat_kit.recipes.digits import DigitsSettings, recipe as digits\n"
        "def build_model(settings):\n"
        "    import tf_keras\n"
        "    return tf_keras.Sequential([tf_keras.Input((8, 8, 1)), tf_keras.layers.Flatten(),\n"
        "        tf_keras.layers.Dense(16, activation='relu'), tf_keras.layers.Dense(10, activation='softmax')])\n"
        "recipe = replace(digits, name='mine', scores='probabilities', build_model=build_model)\n"
    )
    done = qat_kit_command("run", path, *SHORT, "--out", tmp_path / "run", "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["manifest"]["name"] == "mine"
    assert facts["manifest"]["outputs"][0]["scale"] == 1 / 256  # a softmax, as the specification prescribes


def test_a_layer_that_cannot_be_quantized_is_named_before_training(qat_kit_command, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(WITH_LOCAL)
    done = qat_kit_command("run", path, "--out", tmp_path / "run")
    refused(done, "layer 'bend' (LocallyConnected2D) cannot be quantized", "docs/coverage.md")
    assert not (tmp_path / "run" / "float.keras").exists()


def test_a_gate_that_is_not_met_is_exit_code_1(qat_kit_command, tmp_path):
    done = qat_kit_command("run", "digits", *SHORT, "--set", "minimum_accuracy=1.0", "--out", tmp_path / "run")
    assert done.returncode == 1
    assert "int8 file" in done.stdout
    assert "below minimum_accuracy = 100.00%" in done.stderr
    assert (tmp_path / "run" / "measurement.json").exists()
    done = qat_kit_command("run", "digits", *SHORT, "--set", "minimum_accuracy=0.5", "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr  # the gate was moved, and nothing is trained again


def test_a_full_disk(tmp_path):
    """The size of any file is limited, so that writing fails as on a full disk."""
    script = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000));"
        "sys.argv = ['qat-kit', *sys.argv[1:]]; from qat_kit.cli import main; main()"
    )
    command = [sys.executable, "-c", script, "run", "digits", *SHORT, "--out", str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    refused(done, "error: could not write")
    left = {path.name for path in (tmp_path / "run").iterdir()}
    assert left <= {"run.json", "log.txt", ".lock", ".work"}, left


def test_an_output_folder_that_cannot_be_written(qat_kit_command, tmp_path):
    (tmp_path / "file").write_text("")
    refused(qat_kit_command("run", "digits", "--out", tmp_path / "file" / "run"), "could not write to", "--out")


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind root")
def test_an_output_folder_without_permission(qat_kit_command, tmp_path):
    tmp_path.chmod(0o555)
    refused(qat_kit_command("run", "digits", "--out", tmp_path / "run"), "could not write to", "--out")


@pytest.mark.parametrize("command", ["verify", "inspect", "measure"])
@pytest.mark.parametrize("content", [b"", b"not a flatbuffer at all, but text", None])
def test_files_that_are_no_models(qat_kit_command, short_run, tmp_path, command, content):
    path = tmp_path / "model.tflite"
    path.write_bytes((short_run / "model.tflite").read_bytes()[:5000] if content is None else content)
    refused(qat_kit_command(command, path), "model.tflite")
    refused(qat_kit_command(command, tmp_path / "absent.tflite"), "absent.tflite")


def test_verify_inspect_and_measure_work_without_tensorflow(short_run, tmp_path):
    def run(*arguments):
        command = [sys.executable, "-c", WITHOUT_TENSORFLOW, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    file, data = short_run / "model.tflite", tmp_path / "test.npz"
    test = load_digits().test
    np.savez(data, inputs=test.inputs[0], labels=test.labels)
    assert "fully int8" in run("verify", file)
    assert json.loads(run("verify", file, "--json", "--out", tmp_path / "certificate.json"))["passed"] is True
    assert "CONV_2D" in run("inspect", file)
    assert json.loads(run("inspect", file, "--json"))["operator_counts"]["CONV_2D"] == 3
    figures = json.loads(run("measure", file, "--data", data, "--runs", "10", "--json"))["models"][0]
    whole = json.loads((short_run / "measurement.json").read_text())["models"][3]
    assert figures["quality"] == whole["quality"]
    assert "reference×1" in run("measure", file, "--kernel-set", "reference", "--runs", "10")


def test_verify_says_where_a_float_file_is_float(qat_kit_command, short_run):
    done = qat_kit_command("verify", short_run / "model.float32.tflite", "--tensors", short_run / "tensors.json")
    assert done.returncode == 1
    assert "CONV_2D" in done.stdout
    assert "'stem'" in done.stdout
    assert "NOT fully int8" in done.stdout


def test_a_planted_float_layer_fails_the_run_and_leaves_no_model(tmp_path):
    """The table of operators is told that a local layer has an int8 kernel; the converter leaves it float."""
    path = tmp_path / "mine.py"
    path.write_text(WITH_LOCAL)
    script = (
        "import sys, tf_keras; from qat_kit.simulation import operators;"
        "operators._OPERATORS[tf_keras.layers.LocallyConnected2D] = 'CONV_2D';"
        "sys.argv = ['qat-kit', *sys.argv[1:]]; from qat_kit.cli import main; main()"
    )
    command = [sys.executable, "-c", script, "run", str(path), *SHORT, "--out", str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "there is no model.tflite" in done.stderr
    assert "BATCH_MATMUL, layer 'bend'" in done.stderr
    left = {file.name for file in (tmp_path / "run").iterdir()}
    assert "certificate.json" in left
    assert not {"model.tflite", "manifest.json"} & left


# ------------------------------------------------------------------------------------------------- verify, run


@pytest.fixture(scope="module")
def beside(short_run, tmp_path_factory):
    """A folder with the file, what lies beside it, and labelled samples."""
    folder = tmp_path_factory.mktemp("beside")
    for name in ("model.tflite", "model.float32.tflite", "manifest.json", "tensors.json", "qat.keras"):
        shutil.copy(short_run / name, folder / name)
    digits = load_digits().test
    np.savez(folder / "test.npz", inputs=digits.inputs[0], labels=digits.labels)
    return folder


def checks_of(path):
    return {check["name"]: check for check in json.loads(path.read_text())["checks"]}


def test_a_file_is_run_without_tensorflow_and_its_certificate_lies_beside_it(beside):
    arguments = ["verify", beside / "model.tflite", "--run", "--data", beside / "test.npz"]
    command = [sys.executable, "-c", WITHOUT_TENSORFLOW, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    checks = checks_of(beside / "model.certificate.json")
    assert {checks[f"equals the simulator ({each})"]["outcome"] for each in ("reference", "builtin", "xnnpack")} == {
        "checked"
    }
    # The float file is the one that the manifest names.
    assert checks["accuracy"]["figures"]["baseline"] == "model.float32.tflite"
    assert checks["parity with training"]["outcome"] == "not_applicable"
    assert "n/a   parity with training" in done.stdout


def test_a_file_is_compared_with_the_model_that_was_trained(qat_kit_command, beside, tmp_path):
    out = tmp_path / "certificate.json"
    arguments = ["--data", beside / "test.npz", "--qat", beside / "qat.keras", "--out", out, "--json"]
    done = qat_kit_command("verify", beside / "model.tflite", *arguments)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["checks"] == json.loads(out.read_text())["checks"]
    figures = checks_of(out)["parity with training"]["figures"]
    assert sum(figures["histogram_lsb"].values()) == 3600
    assert checks_of(out)["accuracy"]["figures"]["baseline"] == "the trained model"


def test_a_golden_vector_that_was_changed_is_exit_code_1(qat_kit_command, beside, tmp_path):
    facts = json.loads((beside / "manifest.json").read_text())
    (codes,) = facts["golden"]["outputs"]["xnnpack"].values()
    codes["data"] = ("B" if codes["data"][0] != "B" else "C") + codes["data"][1:]
    (tmp_path / "manifest.json").write_text(json.dumps(facts))
    arguments = ["--run", "--manifest", tmp_path / "manifest.json", "--out", tmp_path / "certificate.json"]
    done = qat_kit_command("verify", beside / "model.tflite", *arguments)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "FAIL  golden vectors" in done.stdout
    assert "on xnnpack output" in done.stdout
    assert "pass  equals the simulator (xnnpack)" in done.stdout


def test_samples_that_are_none_of_the_models_are_exit_code_2(qat_kit_command, beside, tmp_path):
    np.savez(tmp_path / "other.npz", pictures=np.zeros((2, 8, 8, 1), np.float32))
    out = tmp_path / "certificate.json"
    done = qat_kit_command("verify", beside / "model.tflite", "--data", tmp_path / "other.npz", "--out", out)
    refused(done, "no array for input", "it has: pictures")
    assert not out.exists()
    refused(qat_kit_command("verify", beside / "model.tflite", "--qat", beside / "qat.keras"), "give --data")


def test_compare_and_cost(qat_kit_command, short_run, tmp_path):
    test = load_digits().test
    np.savez(tmp_path / "test.npz", inputs=test.inputs[0], labels=test.labels)
    files = short_run / "model.float32.tflite", short_run / "model.tflite"
    options = ("--runs", "10", "--draws", "5", "--benchmark-json", tmp_path / "benchmark.json")
    done = qat_kit_command("compare", *files, "--data", tmp_path / "test.npz", *options)
    assert done.returncode == 0, done.stderr
    assert "model.tflite against" in done.stdout
    assert "of the time of model.float32.tflite" in done.stdout
    names = [result["name"] for result in json.loads((tmp_path / "benchmark.json").read_text())]
    assert names == ["model.float32.tflite xnnpack threads=1", "model.tflite xnnpack threads=1"]
    cost = json.loads(qat_kit_command("cost", files[1], "--json").stdout)
    assert cost["size"]["size_bytes"] == files[1].stat().st_size
    assert cost["memory"]["peak_kib"] > 0
    assert "an estimate and no measurement" in qat_kit_command("cost", files[1]).stdout
    refused(qat_kit_command("compare", files[0], files[0]), "files must differ")


@pytest.mark.slow
def test_remedies_are_tried_on_the_trained_model(qat_kit_command, beside, tmp_path):
    out = tmp_path / "layers.json"
    done = qat_kit_command("debug", beside, "--data", beside / "test.npz", "--try", "--out", out)
    assert done.returncode == 0, done.stderr
    assert "weights alone" in done.stdout
    trials = json.loads(out.read_text())["trials"]
    assert trials["num_samples"] == 64
    assert trials["split"]["both_db"] <= trials["split"]["weights_only_db"]
    assert {"", next(iter(trials["costs_db"]))} <= {trial["layer"] for trial in trials["trials"]}


def test_report(qat_kit_command, short_run, tmp_path):
    for name in ("report.html", "report.md", "report.json"):
        done = qat_kit_command("report", short_run, "--out", tmp_path / name)
        assert done.returncode == 0, done.stderr
        assert "Fully int8" in (tmp_path / name).read_text() or name == "report.json"
    facts = json.loads((tmp_path / "report.json").read_text())["runs"][0]
    assert facts["manifest"]["name"] == "digits"
    assert [len(facts["history"]["stages"][stage]) for stage in ("float", "qat")] == [8, 2]
    assert list(facts["measurement"]["paired"][0]["differences"]) == ["accuracy", "cross_entropy", "top_5_accuracy"]
    refused(qat_kit_command("report", tmp_path), "holds no finished run: it has no manifest.json")
    refused(qat_kit_command("report", short_run, "--out", tmp_path / "report.pdf"), "--out ends in .html, .md or .json")
