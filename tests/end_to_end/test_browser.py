"""The report in a real browser: nothing asked of the network, nothing to complain of, wide and narrow."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("digits"),
    pytest.mark.skipif(BROWSER is None, reason="no Chromium: on Debian, apt-get install chromium"),
]


@pytest.mark.parametrize("width", [390, 1200])
def test_the_report_in_a_browser(qat_kit_command, short_run: Path, tmp_path: Path, width: int) -> None:
    page, picture, log = tmp_path / "report.html", tmp_path / "report.png", tmp_path / "net.json"
    done = qat_kit_command("report", short_run, "--out", page)
    assert done.returncode == 0, done.stderr
    command = [
        str(BROWSER),
        *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr"),
        *("--disable-background-networking", "--disable-component-update", f"--user-data-dir={tmp_path / 'profile'}"),
        *(f"--log-net-log={log}", f"--window-size={width},3000", f"--screenshot={picture}", page.as_uri()),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert "CONSOLE" not in done.stderr
    data = picture.read_bytes()
    assert struct.unpack(">II", data[16:24]) == (width, 3000)
    assert len(data) > 50_000  # a page with nothing on it takes a few thousand
    # Whatever the browser does for itself, nothing was asked for by the page.
    assert f'"initiator":"{page.as_uri()}' not in log.read_text(encoding="utf-8")
