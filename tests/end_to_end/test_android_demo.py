"""The Android demo: what it carries is what the kit makes, and its page shows code that compiles."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from qat_kit.manifest import Manifest
from qat_kit.recipe import load_recipe
from qat_kit.results import Measurement

CHECKOUT = Path(__file__).parents[2]
DEMO = CHECKOUT / "android_demo"
BUNDLE = DEMO / "app/src/main/assets/bundle"


def test_the_bundle_in_the_app_is_of_the_digits_recipe_as_it_is():
    manifest = Manifest.load(BUNDLE / "manifest.json")
    settings = load_recipe("digits").settings.model_dump(mode="json")
    assert manifest.name == "digits"
    assert {name: value for name, value in manifest.settings.items() if settings.get(name) != value} == {}
    for entry in manifest.files:
        content = (BUNDLE / entry.name).read_bytes()
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (entry.sha256, entry.size_bytes)
    assert (BUNDLE / "labels.txt").read_text().split() == list(manifest.class_names)
    test = load_recipe("digits").load_data(load_recipe("digits").settings).test
    places = np.unique(np.linspace(0, len(test) - 1, 64).astype(np.intp))
    np.testing.assert_array_equal(np.load(BUNDLE / "evaluation.npz")["inputs"], test.inputs[0][places])


def test_the_code_on_the_page_is_the_code_that_is_compiled():
    source = (DEMO / "inference/src/test/kotlin/org/qat_kit/inference/ReadmeExample.kt").read_text()
    code = source[source.index("/** Names") :].strip()
    assert f"```kotlin\n{code}\n```" in (DEMO / "README.md").read_text()


def test_a_folder_without_a_run_is_refused_and_the_bundle_stays(tmp_path):
    before = {file.name: file.read_bytes() for file in BUNDLE.iterdir()}
    command = [sys.executable, CHECKOUT / "scripts/update_android_demo.py", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "holds no artifact" in done.stderr
    assert {file.name: file.read_bytes() for file in BUNDLE.iterdir()} == before


@pytest.mark.slow
def test_a_run_of_the_digits_recipe_makes_the_bundle_again(qat_kit_command, tmp_path):
    done = qat_kit_command("run", "digits", "--out", tmp_path / "digits")
    assert done.returncode == 0, done.stderr
    made, kept = Manifest.load(tmp_path / "digits/manifest.json"), Manifest.load(BUNDLE / "manifest.json")
    # The version of Python may be another; the bytes of the model may not.
    assert made.model_copy(update={"versions": kept.versions}) == kept
    assert (tmp_path / "digits/model.tflite").read_bytes() == (BUNDLE / "model.tflite").read_bytes()


@pytest.mark.slow
def test_what_the_kotlin_writes_is_a_measurement_of_the_kit():
    done = subprocess.run([CHECKOUT / "scripts/test_android", "inference"], capture_output=True, text=True, check=False)
    # 3: without Java or Maven there is nothing to run, and the script's words say what it would have needed.
    if done.returncode == 3:
        pytest.skip(done.stdout)
    assert done.returncode == 0, done.stdout
    measurement = Measurement.load(CHECKOUT / "build/android/measurement.json")
    assert [model.latency.num_threads for model in measurement.models] == [1, 4]
    assert measurement.environment["partial"] == "true"
