"""Every real file gets the verdict, and fails first at the check, that docs/real_files.md gives with its reason."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from qat_kit.verify import verify
from tests.support.tflite import shared_file, shared_files

TABLE = Path(__file__).parents[3] / "docs" / "real_files.md"
ROWS = [
    [cell.strip() for cell in line.strip("|\n").split("|")]
    for line in TABLE.read_text(encoding="utf-8").splitlines()
    if line.startswith("| `")
]


@pytest.mark.parametrize(("name", "verdict", "check", "reason"), ROWS, ids=lambda cell: cell.strip("`")[:60])
def test_a_real_file_gets_its_verdict(name: str, verdict: str, check: str, reason: str) -> None:
    certificate = verify(shared_file(f"{name.strip('`')}.tflite"))
    assert certificate.passed is (verdict == "pass")
    assert next((found.name for found in certificate.checks if not found.passed), "–") == check
    assert reason


def test_every_real_file_is_in_the_table_and_all_take_seconds() -> None:
    files = shared_files()
    if not files:
        pytest.skip("no real files beside this checkout")
    assert {path.stem for path in files} == {row[0].strip("`") for row in ROWS}
    start = time.process_time()
    for path in files:
        verify(path)
    assert time.process_time() - start < 5
