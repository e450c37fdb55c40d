"""Recipes on a few samples of their real data: from data to certificate in seconds, whatever the accuracy."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.end_to_end.conftest import CommandLine

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
