"""The command line as a person starts it, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import qat_kit

CommandLine = Callable[..., subprocess.CompletedProcess[str]]

# Seconds instead of minutes; the accuracy of the full run is measured by scripts/results.
SHORT = ["--set", "epochs=8", "--set", "qat_epochs=2", "--set", "num_latency_runs=20"]


def start(*arguments: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "qat_kit.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]


@pytest.fixture(scope="session")
def qat_kit_command() -> CommandLine:
    return start


@pytest.fixture(scope="session")
def short_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a digits run, trained for eight epochs."""
    folder = tmp_path_factory.mktemp("runs") / "digits"
    done = start("run", "digits", *SHORT, "--out", folder)
    assert done.returncode == 0, done.stderr
    (folder.parent / "screen.txt").write_text(done.stdout, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def installed_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the package is installed, from a wheel of what is committed."""
    folder = tmp_path_factory.mktemp("installed")
    source, wheels, site = folder / "source", folder / "wheels", folder / "site"
    subprocess.run(["git", "clone", "--quiet", Path(qat_kit.__file__).parents[1], source], check=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    build = ["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", wheels, source]
    subprocess.run([*pip, *build], check=True, capture_output=True)
    (wheel,) = wheels.iterdir()
    subprocess.run([*pip, "install", "--no-deps", "--target", site, wheel], check=True)
    return site
