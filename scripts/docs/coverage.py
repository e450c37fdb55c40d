"""Sends every model of the zoo through the kit and through tfmot alone, and writes docs/coverage.md.

python scripts/docs/coverage.py               measures what is not measured yet, writes the document
python scripts/docs/coverage.py --only lstm   the rows whose names contain "lstm", on the screen alone
python scripts/docs/coverage.py --json        prints the results as JSON instead
python scripts/docs/coverage.py --cached      measures nothing: what is not in the cache is said to be not measured

Results are kept in runs/coverage, one file a row, and made anew where the zoo, the kit or a library has changed. Each
side works in a child process with a time limit a row: a crash is a result like any other.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
CACHE = ROOT / "runs" / "coverage"
DOCUMENT = ROOT / "docs" / "coverage.md"
TIME_LIMIT_S = 180.0
SIDES = ("kit", "tfmot")
PACKAGES = ("tensorflow", "tf-keras", "tensorflow-model-optimization", "ai-edge-litert", "keras", "numpy")

NOT_MEASURED: dict[str, Any] = {"reached": None, "failed": None, "message": "", "lsb": {}, "operators": 0}

sys.path.insert(0, str(ROOT))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="part of a row's name")
    parser.add_argument("--json", action="store_true", help="print the results, write no document")
    parser.add_argument("--cached", action="store_true", help="measure nothing")
    parser.add_argument("--worker", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("rows", nargs="*", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        work(arguments.worker, arguments.rows)
        return
    from tests.support.layer_zoo import ROWS

    names = [name for name in ROWS if arguments.only in name]
    if arguments.cached:
        results = {side: {name: load(side, name) or NOT_MEASURED for name in names} for side in SIDES}
    else:
        with ThreadPoolExecutor(len(SIDES)) as pool:
            results = dict(zip(SIDES, pool.map(lambda side: measured(side, names), SIDES), strict=True))
    if arguments.json:
        print(json.dumps(results, indent=2))
        return
    text = render({name: ROWS[name] for name in names}, results)
    if arguments.only:
        print(text)
    else:
        DOCUMENT.write_text(text, encoding="utf-8")
        print(f"wrote {DOCUMENT}")


def work(side: str, names: list[str]) -> None:
    """The child: one row after the other, each result a file."""
    from tests.support.coverage import through_kit, through_tfmot
    from tests.support.layer_zoo import ROWS

    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            begin = time.perf_counter()
            result = {"kit": through_kit, "tfmot": through_tfmot}[side](ROWS[name], Path(folder))
            store(side, name, {**result, "seconds": round(time.perf_counter() - begin, 1)})


def measured(side: str, names: list[str]) -> dict[str, dict[str, Any]]:
    """Results of all rows; those that are not in the cache are made by children, which may die over one."""
    while missing := [name for name in names if load(side, name) is None]:
        died = run_child(side, missing)
        left = [name for name in missing if load(side, name) is None]
        if left:
            store(side, left[0], {"reached": [], "failed": "process", "message": died, "lsb": {}, "operators": 0})
    return {name: load(side, name) or {} for name in names}


def run_child(side: str, names: list[str]) -> str:
    """Works until all is done, the child dies, or one row takes too long; says which."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, __file__, "--worker", side, *names]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    done, since = 0, time.monotonic()
    while child.poll() is None:
        time.sleep(0.5)
        now_done = done
        while now_done < len(names) and load(side, names[now_done]) is not None:
            now_done += 1
        if now_done > done:
            print(f"{side}: {names[now_done - 1]} ({now_done} of {len(names)})", file=sys.stderr, flush=True)
            done, since = now_done, time.monotonic()
        if time.monotonic() - since > TIME_LIMIT_S:
            child.kill()
            child.wait()
            return f"stopped after {TIME_LIMIT_S:g} s"
    return f"the process ended with code {child.returncode}"


def store(side: str, name: str, result: dict[str, Any]) -> None:
    path = CACHE / side / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps({"key": KEYS[side], "commit": COMMIT, **result}), encoding="utf-8")
    temporary.replace(path)


def load(side: str, name: str) -> dict[str, Any] | None:
    path = CACHE / side / f"{name}.json"
    result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return result if result.get("key") == KEYS[side] else None


def key(side: str) -> str:
    """What a result depends on: the zoo, the libraries, and for our side the kit."""
    files = [*(ROOT / "tests" / "support").rglob("*.py"), *((ROOT / "qat_kit").rglob("*.py") if side == "kit" else ())]
    digest = hashlib.sha256(" ".join(version(package) for package in PACKAGES).encode())
    for path in sorted(files):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def commit() -> str:
    """The commit that is checked out, with a mark where files differ from it."""
    git = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--exclude=*"]
    return subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()


KEYS = {side: key(side) for side in SIDES}
COMMIT = commit()


def render(rows: dict[str, Any], results: dict[str, dict[str, Any]]) -> str:
    """The document."""
    from tests.support.coverage import KIT_STAGES, TFMOT_STAGES

    done = {side: [r for r in results[side].values() if r["reached"] is not None] for side in SIDES}
    lines = [
        "# What goes through",
        "",
        "*Written by `scripts/docs/coverage.py`, which measures; the models stand in `tests/support/layer_zoo`.*",
        "",
        "Each row is a small model that is prepared, wrapped, trained for one epoch, converted and judged by the "
        "certificate; *quantizers*: as many in training as in the file, with the same scales to the bit; *LSB*: the "
        "largest difference between the file and the simulated model on the reference, builtin and XNNPACK kernels. "
        "Beside it tfmot alone: `quantize_model`, an epoch, TFLiteConverter. *int8*: nothing in the file is float, "
        "not even its ends.",
        "",
        f"The zoo has {len(rows)} models. Of {len(done['kit'])} measured: {reached(done['kit'], KIT_STAGES)}. "
        f"Of {len(done['tfmot'])} measured with tfmot alone: {reached(done['tfmot'], TFMOT_STAGES)}.",
        "",
        f"Measured at {measured_at(done)}, with {', '.join(f'{package} {version(package)}' for package in PACKAGES)}.",
        "",
    ]
    for family in dict.fromkeys(row.family for row in rows.values()):
        lines += [f"## {family[0].upper()}{family[1:]}", ""]
        heads = ["model", "what", *KIT_STAGES, "LSB", *(f"tfmot {stage}" for stage in TFMOT_STAGES), "tfmot LSB"]
        lines += [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
        members = {name: row for name, row in rows.items() if row.family == family}
        for name, row in members.items():
            cells = [f"`{name}`", row.sentence]
            cells += marks(results["kit"][name], KIT_STAGES) + marks(results["tfmot"][name], TFMOT_STAGES)
            lines.append(f"| {' | '.join(cells)} |")
        stopped = [
            (name, side) for name in members for side in SIDES if results[side][name]["failed"] not in (None, "lsb")
        ]
        lines += ["", "What stopped them:", ""] if stopped else [""]
        for name, side in stopped:
            result = results[side][name]
            lines.append(f"- `{name}`, {side}, {result['failed']}: {first_words(result['message'])}")
        lines += [""] if stopped else []
    return "\n".join(lines).rstrip() + "\n"


def measured_at(done: dict[str, list[dict[str, Any]]]) -> str:
    """The commits that results were made at."""
    commits = sorted({result["commit"] for results in done.values() for result in results})
    return f"commit{'s' if len(commits) > 1 else ''} {', '.join(commits)}"


def reached(results: list[dict[str, Any]], stages: tuple[str, ...]) -> str:
    """How many came to each stage."""
    return ", ".join(f"{sum(stage in result['reached'] for result in results)} {stage}" for stage in stages)


def marks(result: dict[str, Any], stages: tuple[str, ...]) -> list[str]:
    if result["reached"] is None:
        return ["not measured", *[""] * len(stages)]
    lsb = " / ".join(f"{steps:.0f}" for steps in result["lsb"].values())
    return ["●" if stage in result["reached"] else "–" for stage in stages] + [lsb]


def first_words(message: str, limit: int = 240) -> str:
    text = " ".join(message.split()).replace("|", "/").replace("<", "‹").replace(">", "›")
    text = re.sub(r"/(?:[\w.+-]+/)*(?:site-packages|dist-packages|tmp\w*)/", "", text)
    return text if len(text) <= limit else text[: limit - 1] + "…"


if __name__ == "__main__":
    main()
