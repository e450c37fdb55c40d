"""The built wheel works outside the checkout and brings the recipes with it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_a_wheel_installs_runs_and_brings_the_recipes(installed_site: Path, tmp_path: Path) -> None:
    script = (
        "import qat_kit, qat_kit.recipes.digits, qat_kit.cli, sys; print(qat_kit.__file__);"
        "sys.argv = ['qat-kit', 'list']; qat_kit.cli.main()"
    )
    # The site of the wheel comes before the checkout's own installation.
    environment = {**os.environ, "PYTHONPATH": str(installed_site)}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert str(installed_site) in done.stdout
    assert "digits" in done.stdout
    assert (installed_site / "qat_kit" / "py.typed").exists()
    assert not (installed_site / "recipes").exists()
