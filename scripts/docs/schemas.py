#!/usr/bin/env python3
"""Writes docs/NAME.schema.json for each record that others read, from the record's own definition."""

from __future__ import annotations

import json
from pathlib import Path

from qat_kit.manifest import Manifest
from qat_kit.results import BenchmarkResults, Certificate, Record

DOCS = Path(__file__).parents[2] / "docs"
PUBLISHED: dict[str, type[Record]] = {
    "manifest": Manifest,
    "certificate": Certificate,
    "benchmark_result": BenchmarkResults,
}


def main() -> None:
    for name, record in PUBLISHED.items():
        text = json.dumps(record.model_json_schema(), indent=2, ensure_ascii=False) + "\n"
        (DOCS / f"{name}.schema.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
