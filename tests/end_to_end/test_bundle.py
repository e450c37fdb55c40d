"""`qat-kit bundle` on a trained run: what a phone takes, and what a microcontroller takes and computes."""

from __future__ import annotations

import json
import re

import numpy as np

from qat_kit.manifest import Manifest, decode_all
from tests.support.tflite_micro import run_on_micro


def test_a_runs_file_goes_to_a_phone_and_to_a_microcontroller(qat_kit_command, short_run, tmp_path):
    done = qat_kit_command("bundle", short_run, "--out", tmp_path / "app")
    assert done.returncode == 0, done.stderr
    names = {file.name for file in (tmp_path / "app").iterdir()}
    assert names == {"model.tflite", "manifest.json", "labels.txt", "evaluation.npz"}
    assert all(name in done.stdout for name in names)

    model, data = (tmp_path / "app" / name for name in ("model.tflite", "evaluation.npz"))
    done = qat_kit_command("measure", model, "--data", data, "--runs", "2", "--json")
    assert done.returncode == 0, done.stderr
    quality = json.loads(done.stdout)["models"][0]["quality"]
    assert (quality["num_samples"], quality["figures"]["accuracy"]["value"] > 0.8) == (64, True)

    done = qat_kit_command("bundle", short_run, "--kind", "c-array", "--out", tmp_path / "c", "--json")
    assert done.returncode == 0, done.stderr
    header, source = json.loads(done.stdout)["files"]
    assert (header, source) == (str(tmp_path / "c/digits_model.h"), str(tmp_path / "c/digits_model.c"))
    arena = int(re.search(r"DIGITS_ARENA_SIZE_BYTES (\d+)", (tmp_path / "c/digits_model.h").read_text())[1])
    numbers = re.findall(r"0x(\w\w)", (tmp_path / "c/digits_model.c").read_text())
    content = bytes(int(number, 16) for number in numbers)
    golden = Manifest.load(short_run / "manifest.json").golden
    (inputs,), (expected,) = decode_all(golden.inputs).values(), decode_all(golden.outputs["reference"]).values()
    for codes, answer in zip(inputs, expected, strict=True):
        (found,) = run_on_micro(content, [codes[None]], arena_size_bytes=arena)
        np.testing.assert_array_equal(found[0], answer)

    done = qat_kit_command("bundle", tmp_path, "--out", tmp_path / "none")
    assert done.returncode == 2
    assert "holds no artifact" in done.stderr
