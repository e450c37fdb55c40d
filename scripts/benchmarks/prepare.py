#!/usr/bin/env python
"""How long `prepare` takes for nets of `tf_keras.applications`, and how much memory on top of the model it is given.

    .venv/bin/python scripts/benchmarks/prepare.py [NAME …] [--size PIXELS]

Each net in a process of its own, untrained, with its 1000 classes. Seconds: of the clock, and of the processor. Memory:
how far the process grows at its peak, from where it stood with the model built, over the bytes of the model's weights.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from pathlib import Path

NAMES = ("ResNet50", "MobileNetV2", "ConvNeXtTiny")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=NAMES)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    for name in arguments.names:
        if arguments.here:
            print(one(name, arguments.size), flush=True)
        else:
            command = [sys.executable, __file__, "--here", "--size", str(arguments.size), name]
            child = subprocess.run(command, capture_output=True, text=True, check=False)
            print(child.stdout.strip() or f"{name}: {child.stderr.strip().splitlines()[-1]}", flush=True)


def one(name: str, size: int) -> str:
    """The figures of one net."""
    import tf_keras

    from qat_kit.prepare import prepare

    tf_keras.utils.set_random_seed(0)
    prepare(tf_keras.Sequential([tf_keras.Input((8, 8, 1)), tf_keras.layers.Conv2D(2, 3)]))
    model = getattr(tf_keras.applications, name)(weights=None, input_shape=(size, size, 3))
    model_bytes = sum(weight.numpy().nbytes for weight in model.weights)
    # Makes the peak start anew from here (proc(5)).
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = _status_bytes("VmRSS")
    clock, processor = time.perf_counter(), time.process_time()
    prepare(model)
    clock, processor = time.perf_counter() - clock, time.process_time() - processor
    grown = _status_bytes("VmHWM") - before
    return (
        f"{name} {size}×{size}: {clock:.1f} s, {processor:.1f} s of the processor; {grown / 2**20:.0f} MiB for "
        f"{model_bytes / 2**20:.0f} MiB of weights, {grown / model_bytes:.2f} times"
    )


def _status_bytes(key: str) -> int:
    """A figure of /proc/self/status, which is in KiB."""
    found = re.search(rf"^{key}:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"), re.MULTILINE)
    return int(found.group(1)) * 1024 if found else 0


if __name__ == "__main__":
    main()
