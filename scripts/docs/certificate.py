#!/usr/bin/env python3
"""Writes the tables of docs/certificate.md from the checks themselves.

python scripts/docs/certificate.py          writes the document
python scripts/docs/certificate.py --check  exits with 1 where it is not what the checks say
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path

from qat_kit.litert.interpreter import KERNEL_SETS
from qat_kit.schemes import get_scheme
from qat_kit.verify.certificate import FLOAT_DEMANDS, MANIFEST_DEMANDS, STATIC_DEMANDS, TRAINING_DEMANDS
from qat_kit.verify.dynamic import accuracy, agreement, equality, execution, golden, parity
from qat_kit.verify.dynamic.request import RunRequest
from qat_kit.verify.subject import Demand

DOCUMENT = Path(__file__).parents[2] / "docs" / "certificate.md"


def rows(demands: Iterable[Demand]) -> list[tuple[str, str, str]]:
    return [(demand.name, demand.rule, demand.severity) for demand in demands]


def tables() -> dict[str, list[tuple[str, str, str]]]:
    """The rows of each table, by its name in the document."""
    static = {demand.name for demand in STATIC_DEMANDS}
    return {
        "manifest": rows(MANIFEST_DEMANDS),
        "static": rows(STATIC_DEMANDS),
        "float": rows(demand for demand in FLOAT_DEMANDS if demand.name not in static),
        "training": rows(TRAINING_DEMANDS),
        "dynamic": [
            (execution.NAME, execution.RULE, "fail"),
            (golden.NAME, golden.RULE, "fail"),
            *((equality.name_of(each), equality.RULE, "fail") for each in KERNEL_SETS),
            (agreement.NAME, agreement.RULE, "warn"),
            (parity.NAME, parity.rule_of(get_scheme("w8a8")), "fail"),
            (accuracy.NAME, accuracy.rule_of(RunRequest().max_drop_points), "fail"),
        ],
    }


def written(text: str) -> str:
    """The document with its tables made anew."""
    for name, table in tables().items():
        lines = ["| check | what is asked | |", "|---|---|---|"]
        lines += [f"| {check} | {rule} | {'' if severity == 'fail' else 'advice'} |" for check, rule, severity in table]
        body = "\n".join(lines).replace("\\", "\\\\")
        text, count = re.subn(rf"(<!-- {name} -->\n).*?(\n<!-- end -->)", rf"\g<1>{body}\g<2>", text, flags=re.DOTALL)
        if count != 1:
            raise SystemExit(f"{DOCUMENT} has {count} places for the table {name!r}")
    return text


def main() -> None:
    before = DOCUMENT.read_text(encoding="utf-8")
    after = written(before)
    if "--check" in sys.argv[1:]:
        raise SystemExit(f"{DOCUMENT} is not what the checks say: run {Path(__file__).name}" if before != after else 0)
    DOCUMENT.write_text(after, encoding="utf-8")


if __name__ == "__main__":
    main()
