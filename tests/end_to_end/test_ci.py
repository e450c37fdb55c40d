"""`qat-kit ci` in a repository that has nothing to do with this one, with the package installed and no more."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from qat_kit.litert.rewriting import rewritten

pytestmark = pytest.mark.xdist_group("digits")


def pytest_in(folder: Path, site: Path, *options: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(site)}
    command = [sys.executable, "-m", "pytest", "-W", "error", "-p", "no:cacheprovider", "--durations=0", *options]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_a_bundle_is_held_to_what_it_was(
    qat_kit_command, short_run: Path, installed_site: Path, tmp_path: Path
) -> None:
    repository = tmp_path / "app"
    done = qat_kit_command("bundle", short_run, "--out", repository / "assets")
    assert done.returncode == 0, done.stderr
    done = qat_kit_command("ci", repository / "assets", "--out", repository / "tests")
    assert done.returncode == 0, done.stderr
    written = repository / "tests" / "test_digits.py"
    assert str(written) in done.stdout.replace("\n", "")

    done = pytest_in(repository, installed_site, "--junit-xml=report.xml")
    assert done.returncode == 0, done.stdout
    suite = ElementTree.parse(repository / "report.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "0", "0")

    # One weight of the file is another: its proof is not of this file, and it answers otherwise.
    model = repository / "assets" / "model.tflite"

    def disturb(parsed) -> None:
        largest = max((buffer for buffer in parsed.buffers if buffer.data is not None), key=lambda each: len(each.data))
        largest.data = 127 - largest.data.astype("uint8") % 120

    model.write_bytes(rewritten(model.read_bytes(), disturb))
    done = pytest_in(repository, installed_site, "--junit-xml=report.xml")
    assert done.returncode == 1
    suite = ElementTree.parse(repository / "report.xml").getroot()[0]
    assert suite.get("failures") == "3"
    assert "does not give its golden outputs any more" in done.stdout
    assert "accuracy is 0." in done.stdout


def test_the_plugin_is_light_in_other_peoples_tests(installed_site: Path, tmp_path: Path) -> None:
    heavy = ("tensorflow", "tf_keras", "keras", "numpy", "scipy", "sklearn", "pydantic", "ai_edge_litert")
    (tmp_path / "test_mine.py").write_text(
        "import sys\n\n\ndef test_mine(pytestconfig):\n    assert pytestconfig.pluginmanager.hasplugin('qat_kit')\n"
        f"    assert not [name for name in {heavy} if name in sys.modules]\n"
    )
    # Plugins of this environment's own load NumPy.
    done = pytest_in(tmp_path, installed_site, "-p", "no:hypothesispytest")
    assert done.returncode == 0, done.stdout
    done = pytest_in(tmp_path, installed_site, "--fixtures", "-q")
    assert "assert_latency_ratio [session scope]" in done.stdout
