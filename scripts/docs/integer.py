"""Holds the integer forward pass to LiteRT over the whole zoo, and writes docs/integer.md.

python scripts/docs/integer.py               measures what is not measured yet, writes the document
python scripts/docs/integer.py --only lstm   the rows whose names contain "lstm", on the screen alone
python scripts/docs/integer.py --cached      measures nothing: what is not in the cache is said to be not measured

Results are kept in runs/integer, one file a row; delete it to measure anew. Children with a few rows each do the work:
a crash is a result like any other.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

from qat_kit.vocabulary import KernelSet

ROOT = Path(__file__).parents[2]
CACHE, DOCUMENT = ROOT / "runs" / "integer", ROOT / "docs" / "integer.md"
ROWS_A_CHILD, TIME_LIMIT_S, NUM_SAMPLES = 12, 1200.0, 8
PACKAGES = ("tensorflow", "ai-edge-litert")

sys.path.insert(0, str(ROOT))

# Why a model is refused before its integers are asked for, whatever the forward pass.
NOT_TAKEN = "not taken by the kit"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="part of a row's name")
    parser.add_argument("--cached", action="store_true", help="measure nothing")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("rows", nargs="*", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        for name in arguments.rows:
            store(name, measured(name))
        return
    from tests.support.layer_zoo import ROWS

    rows = {name: row for name, row in ROWS.items() if arguments.only in name}
    if not arguments.cached:
        measure([name for name in rows if load(name) is None])
    text = render(rows)
    if arguments.only:
        print(text)
    else:
        DOCUMENT.write_text(text, encoding="utf-8")
        print(f"wrote {DOCUMENT}")


def measure(names: list[str]) -> None:
    """All rows, in children that may die over one of them."""
    while names:
        batch, rest = names[:ROWS_A_CHILD], names[ROWS_A_CHILD:]
        command = [sys.executable, __file__, "--worker", *batch]
        try:
            child = subprocess.run(command, stderr=subprocess.DEVNULL, timeout=TIME_LIMIT_S, check=False)
            ending = f"the process ended with code {child.returncode}"
        except subprocess.TimeoutExpired:
            ending = f"stopped after {TIME_LIMIT_S:g} s"
        left = [name for name in batch if load(name) is None]
        if left:
            store(left[0], {"refused": ending})
        names = left[1:] + rest
        print(f"{len(names)} left", file=sys.stderr, flush=True)


def measured(name: str) -> dict[str, Any]:
    """Of each kernel set how many outputs differ, of how many, by how much; or why there are none."""
    from qat_kit.errors import QatKitError
    from tests.support.integer_forward import differences
    from tests.support.layer_zoo import ROWS

    result: dict[str, Any] = {}
    # Once: Keras would name its layers otherwise the second time.
    model = ROWS[name].build()
    with tempfile.TemporaryDirectory() as folder:
        for kernel_set in get_args(KernelSet):
            try:
                found = differences(
                    model, Path(folder), num_samples=NUM_SAMPLES, in_graph=False, kernel_sets=[kernel_set]
                )
            except QatKitError as error:
                is_of_integers = "forward='integer'" in str(error)
                result[kernel_set] = {"why": reason(str(error)) if is_of_integers else f"{NOT_TAKEN}: {error}"}
                continue
            result[kernel_set] = {
                "differing": sum(each.num_differing for each in found),
                "values": sum(each.num_values for each in found),
                "lsb": max(each.largest_lsb for each in found),
            }
    return result


def reason(message: str) -> str:
    """What the error names, without its first and last line."""
    return "; ".join(line.strip() for line in message.splitlines()[1:-1])


def store(name: str, result: dict[str, Any]) -> None:
    CACHE.mkdir(parents=True, exist_ok=True)
    (CACHE / f"{name}.json").write_text(json.dumps(result), encoding="utf-8")


def load(name: str) -> dict[str, Any] | None:
    path = CACHE / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def render(rows: dict[str, Any]) -> str:
    """The document."""
    results = {name: load(name) for name in rows}
    kernel_sets = get_args(KernelSet)
    done = {name: result for name, result in results.items() if result is not None}
    covered = {name: result for name, result in done.items() if any("lsb" in part(result, k) for k in kernel_sets)}
    exact = [n for n, result in covered.items() if not any(part(result, k).get("differing") for k in kernel_sets)]
    values = sum(part(result, k).get("values", 0) for result in covered.values() for k in kernel_sets)
    lines = [
        "# The integer forward pass against LiteRT",
        "",
        "*Written by `scripts/docs/integer.py`, which measures; the models stand in `tests/support/layer_zoo`.*",
        "",
        'Each row is a small model with random weights, simulated with `forward="integer"` for a kernel set, '
        f"converted, and run on LiteRT with that kernel set over {NUM_SAMPLES} samples, some of them beyond the "
        "calibrated ranges. "
        "The cells say by how many steps (LSB) outputs differ at most; 0: not one differs.",
        "",
        f"Of {len(rows)} models {len(done)} were measured, {len(covered)} of them are covered, and of those "
        f"{len(exact)} equal their files in every one of {values:,} outputs. With "
        f"{', '.join(f'{package} {version(package)}' for package in PACKAGES)} on this processor.",
        "",
    ]
    for family in dict.fromkeys(row.family for row in rows.values()):
        members = [name for name in rows if rows[name].family == family]
        lines += [
            f"## {family[0].upper()}{family[1:]}",
            "",
            f"| model | {' | '.join(kernel_sets)} |",
            "|---|---|---|---|",
        ]
        lines += [f"| `{name}` | {' | '.join(cell(results[name], k) for k in kernel_sets)} |" for name in members]
        refusals = [f"- `{name}`: {why}" for name in members for why in reasons(results[name])]
        lines += ["", *(["Refused:", "", *refusals, ""] if refusals else [])]
    return "\n".join(lines).rstrip() + "\n"


def part(result: dict[str, Any], kernel_set: str) -> dict[str, Any]:
    found: dict[str, Any] = result.get(kernel_set, {})
    return found


def cell(result: dict[str, Any] | None, kernel_set: str) -> str:
    if result is None:
        return "not measured"
    found = part(result, kernel_set)
    return f"{found['lsb']:.0f}" if "lsb" in found else "–"


def reasons(result: dict[str, Any] | None) -> list[str]:
    """Why there is no figure, each reason once, with the kernel sets where these are not all."""
    whys: dict[str, list[str]] = {}
    for kernel_set in get_args(KernelSet):
        if result is not None and "lsb" not in part(result, kernel_set):
            why = " ".join(str(part(result, kernel_set).get("why", result.get("refused"))).split())
            whys.setdefault(why, []).append(kernel_set)
    every = len(get_args(KernelSet))
    return [why if len(sets) == every else f"{why} ({', '.join(sets)})" for why, sets in whys.items()]


if __name__ == "__main__":
    main()
