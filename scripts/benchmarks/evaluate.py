#!/usr/bin/env python
"""Speed of evaluation: beside a bare loop over LiteRT in the same process, and with two processes beside one.

    .venv/bin/python scripts/benchmarks/evaluate.py runs/mnist_cnn/model.tflite [--samples 10000] [--rounds 5] [--json]

Everything takes turns, and what counts is the median of the ratios of a round. Other work on the machine falls on all,
but takes from two processes what it does not take from one: so the processor's seconds are there, too. Two processes
finish, on cores of their own, when the one that works longer does.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

from qat_kit.litert.interpreter import Interpreter
from qat_kit.litert.runtime import load
from qat_kit.measure import evaluate
from qat_kit.numerics import quantize

_SEED = 0


def bare_loop(runtime: Any, codes: Any, input_index: int, output_index: int) -> tuple[float, float]:
    """Seconds, of the clock and of this process, of nothing but setting, invoking and getting."""
    clock, processor = time.perf_counter(), time.process_time()
    found = []
    for sample in codes:
        runtime.set_tensor(input_index, sample)
        runtime.invoke()
        found.append(runtime.get_tensor(output_index))
    return time.perf_counter() - clock, time.process_time() - processor


def evaluated(path: Path, images: Any, num_processes: int) -> tuple[float, float, float]:
    """Seconds of the clock, of this process, and of its children."""
    children = _children_seconds()
    clock, processor = time.perf_counter(), time.process_time()
    evaluate(path, images, num_processes=num_processes)
    return time.perf_counter() - clock, time.process_time() - processor, _children_seconds() - children


def one_round(path: Path, runtime: Any, images: Any, codes: Any, places: tuple[int, int]) -> dict[str, float]:
    bare_clock, bare_processor = bare_loop(runtime, codes, *places)
    one_clock, one_processor, _ = evaluated(path, images, 1)
    two_clock, *two_processors = evaluated(path, images, 2)
    return {
        "bare_loop_s": bare_clock,
        "one_process_s": one_clock,
        "two_processes_s": two_clock,
        "overhead_of_processor": one_processor / bare_processor - 1,
        "overhead_of_clock": one_clock / bare_clock - 1,
        "speed_up_of_clock": one_clock / two_clock,
        "speed_up_of_processor": one_processor / max(two_processors),
    }


def _children_seconds() -> float:
    return sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE.tflite")
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    records = {}
    for path in arguments.files:
        interpreter = Interpreter(path)
        (detail,), output = interpreter.inputs, interpreter.outputs[0]
        shape = (arguments.samples, *detail.shape[1:])
        images = np.random.default_rng(_SEED).random(shape, np.float32)
        codes = (images if detail.params is None else quantize(images, detail.params))[:, None]
        runtime = load(path, kernel_set="xnnpack", num_threads=1, preserve_all_tensors=False)
        rounds = [
            one_round(path, runtime, images, codes, (detail.index, output.index)) for _ in range(arguments.rounds)
        ]
        records[str(path)] = {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}
    if arguments.json:
        print(json.dumps(records, indent=2))
        return
    for name, record in records.items():
        print(name)
        for what, value in record.items():
            text = f"{value:+.1%}" if what.startswith("overhead") else f"{value:.2f}"
            print(f"  {what.replace('_', ' '):<24}{text:>8}")


if __name__ == "__main__":
    main()
