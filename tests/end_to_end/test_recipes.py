"""Recipes on a few samples of their real data: from data to certificate in seconds, whatever the accuracy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

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
