#!/usr/bin/env python3
"""Writes docs/benchmark_result.schema.json from the record's own definition."""

from __future__ import annotations

import json
from pathlib import Path

from qat_kit.results import BenchmarkResults

SCHEMA = Path(__file__).parents[2] / "docs" / "benchmark_result.schema.json"


def schema() -> str:
    """The JSON schema as text."""
    return json.dumps(BenchmarkResults.model_json_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCHEMA.write_text(schema(), encoding="utf-8")
