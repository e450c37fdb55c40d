"""`qat-kit convert` as a person starts it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.support import models


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    model = models.PATTERNS["dense_bn_relu"]()
    model.save(tmp_path / "net.h5")
    np.savez(tmp_path / "samples.npz", image=models.samples(model, 40)[0])
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
    first = (out / "model.tflite").read_bytes()
    assert qat_kit_command(*command).returncode == 0
    assert (out / "model.tflite").read_bytes() == first
    assert qat_kit_command("verify", out / "model.tflite").returncode == 0


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_what_is_missing_is_said(qat_kit_command, model_file: Path, tmp_path: Path) -> None:
    done = qat_kit_command("convert", model_file, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "scheme 'w8a8' needs representative data: give an .npz or a folder" in done.stderr
    assert not (tmp_path / "out" / "model.tflite").exists()
