#!/usr/bin/env python
"""How long the package and the command line take to start, beside bare Python: medians of runs in turns.

.venv/bin/python scripts/benchmarks/start_up.py [--json]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time

COMMANDS = {
    "bare Python": ("-c", "pass"),
    "import qat_kit": ("-c", "import qat_kit"),
    "qat-kit --help": ("-m", "qat_kit.cli", "--help"),
}
ROUNDS = 7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(ROUNDS):
        for name, command in COMMANDS.items():
            begin = time.perf_counter()
            subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
            times[name].append(time.perf_counter() - begin)
    medians = {name: statistics.median(seconds) for name, seconds in times.items()}
    if arguments.json:
        print(json.dumps(medians, indent=2))
        return
    for name, seconds in medians.items():
        print(f"{name:<16}{seconds:.3f} s, {seconds / medians['bare Python']:.1f} times bare Python")


if __name__ == "__main__":
    main()
