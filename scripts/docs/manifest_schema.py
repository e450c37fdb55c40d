#!/usr/bin/env python3
"""Writes docs/manifest.schema.json from the manifest's own definition."""

from __future__ import annotations

import json
from pathlib import Path

from qat_kit.manifest import Manifest

SCHEMA = Path(__file__).parents[2] / "docs" / "manifest.schema.json"


def schema() -> str:
    """The JSON schema as text."""
    return json.dumps(Manifest.model_json_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCHEMA.write_text(schema(), encoding="utf-8")
