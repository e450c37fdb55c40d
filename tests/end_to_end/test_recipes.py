"""Recipes on a few samples of their real data: from data to certificate in seconds, whatever the accuracy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from qat_kit.datasets import load_digits
from tests.end_to_end.conftest import CommandLine

SCRIPTS = Path(__file__).parents[2] / "scripts"
SHORT = ["epochs=1", "qat_epochs=1", "max_samples=64", "num_latency_runs=5"]


@pytest.mark.parametrize("name", ["mnist_mlp", "mnist_cnn"])
def test_a_recipe_leaves_a_proven_file(
    name: str, qat_kit_command: CommandLine, public_data: Path, tmp_path: Path
) -> None:
    options = [argument for setting in SHORT for argument in ("--set", setting)]
    environment = {**os.environ, "QAT_KIT_DATA": str(public_data)}
    done = qat_kit_command("run", name, *options, "--out", tmp_path / name, env=environment)
    assert done.returncode == 0, done.stderr
    assert "certificate: fully int8" in done.stdout
    assert (tmp_path / name / "model.tflite").is_file()


@pytest.mark.slow
def test_the_results_of_a_recipe_are_written_once(tmp_path: Path) -> None:
    command = [sys.executable, SCRIPTS / "results.py", "--smoke", "breast_cancer", "--runs", tmp_path]
    outputs = [subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(2)]
    # The second time nothing is run: the figures are those of the file, times included.
    assert outputs[0] == outputs[1]
    figures = json.loads((tmp_path / "breast_cancer" / "0" / "figures.json").read_text())
    assert figures["verdict"].startswith("fully int8")
    assert figures["num_samples"] == 64


@pytest.mark.slow
def test_a_run_of_another_scheme_says_so_in_its_files_name(qat_kit_command: CommandLine, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    options = ["--set", "scheme=w4a8", "--set", "epochs=1", "--set", "qat_epochs=1", "--set", "num_latency_runs=5"]
    done = qat_kit_command("run", "digits", *options, "--out", folder)
    assert done.returncode == 0, done.stderr
    file = folder / "model.w4a8.tflite"
    assert file.is_file()
    assert not (folder / "model.tflite").exists()
    assert json.loads((folder / "manifest.json").read_text())["files"][0]["kind"] == "w4a8"
    assert qat_kit_command("verify", file, "--scheme", "w4a8", "--tensors", folder / "tensors.json").returncode == 0
    test = load_digits().test.take(slice(0, 8))
    np.savez(tmp_path / "test.npz", inputs=test.inputs[0])
    assert qat_kit_command("debug", folder, "--data", tmp_path / "test.npz").returncode == 0
    assert qat_kit_command("report", folder).returncode == 0
    assert "model.w4a8.tflite" in (folder / "report.html").read_text(encoding="utf-8")
    assert qat_kit_command("bundle", folder, "--out", tmp_path / "bundle").returncode == 0
    assert (tmp_path / "bundle" / file.name).is_file()
