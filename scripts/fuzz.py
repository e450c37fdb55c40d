"""What `scripts/fuzz` runs: reads damaged `.tflite` files and says what became of them."""

from __future__ import annotations

import argparse
import hashlib
import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support.fuzz import RUN_SECONDS_AT_MOST, SECONDS_AT_MOST, Tally, fuzz, read_all, run_all
from tests.support.tflite import SHARED, shared_files


def main() -> None:
    parser = argparse.ArgumentParser(description="Reads damaged .tflite files; exit code 1 where one was not refused.")
    parser.add_argument("count", type=int, nargs="?", default=100_000, help="how many files")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--run", action="store_true", help="run what can be read, too, as `verify --run` does")
    parser.add_argument("--keep", type=Path, default=Path("fuzz_failures"), help="folder for what breaks the reader")
    parser.add_argument("--memory-mb", type=int, default=4096, help="address space that the reader may take")
    arguments = parser.parse_args()
    if not shared_files():
        print(f"no real files in {SHARED}: only one of our own is spoilt", file=sys.stderr)
    # Children have limits of their own, and take the soft one over.
    resource.setrlimit(resource.RLIMIT_AS, (arguments.memory_mb << 20, arguments.memory_mb << 20))
    start = time.monotonic()

    def say(done: int, tally: Tally) -> None:
        if done % (100 if arguments.run else 5000) == 0:
            print(
                f"{done:,} files in {time.monotonic() - start:.0f} s: {tally.read:,} read, {tally.refused:,} refused, "
                f"{len(tally.failures)} failures; slowest {tally.slowest_s:.2f} s; "
                f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB",
                flush=True,
            )

    tally = fuzz(
        run_all if arguments.run else read_all,
        arguments.count,
        seed=arguments.seed,
        seconds=RUN_SECONDS_AT_MOST if arguments.run else SECONDS_AT_MOST,
        say=say,
    )
    for words, data in tally.failures[:100]:
        arguments.keep.mkdir(parents=True, exist_ok=True)
        path = arguments.keep / f"{hashlib.sha256(data).hexdigest()[:12]}.tflite"
        path.write_bytes(data)
        print(f"{path}: {words}", file=sys.stderr)
    sys.exit(1 if tally.failures else 0)


if __name__ == "__main__":
    main()
