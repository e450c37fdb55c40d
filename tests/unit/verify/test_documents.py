"""docs/certificate.md and its schema say what the checks and the record say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from qat_kit.results import Certificate

ROOT = Path(__file__).parents[3]


def test_the_document_is_what_the_checks_say() -> None:
    """`scripts/docs/certificate.py` writes it anew."""
    command = [sys.executable, ROOT / "scripts" / "docs" / "certificate.py", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_published_schema_is_the_certificates_own() -> None:
    """`scripts/docs/schemas.py` writes it anew."""
    published = ROOT / "docs" / "certificate.schema.json"
    assert json.loads(published.read_text(encoding="utf-8")) == Certificate.model_json_schema()
