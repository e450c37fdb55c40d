"""Speed of the kernel simulator: multiply-accumulates a second of processor time, for each kernel set, on int8 files.

python scripts/benchmarks/simulator.py FILE.tflite …        seconds

Exits with 1 where a file of a million products and more is simulated at less than 20 million a second.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import get_args

import numpy as np

from qat_kit.kernels import simulate
from qat_kit.litert.macs import num_macs
from qat_kit.litert.model_file import read_model
from qat_kit.vocabulary import SimulatedKernelSet

BOUND, RUNS = 20e6, 3


def speed(path: Path, kernel_set: SimulatedKernelSet) -> tuple[int, float]:
    """Products in an inference, and the fewest seconds of three, on random codes."""
    graph = read_model(path).subgraphs[0]
    random = np.random.default_rng(0)
    inputs = {}
    for index in graph.inputs:
        tensor = graph.tensors[index]
        values = random.integers(-128, 128, tensor.shape)
        inputs[index] = values.astype(tensor.type.lower())
    seconds = []
    for _ in range(RUNS):
        start = time.process_time()
        simulate(graph, inputs, kernel_set)
        seconds.append(time.process_time() - start)
    return sum(num_macs(graph, operator) for operator in graph.operators), min(seconds)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE.tflite")
    missed = False
    for path in parser.parse_args().files:
        for kernel_set in get_args(SimulatedKernelSet):
            macs, seconds = speed(path, kernel_set)
            missed |= macs >= 1e6 and macs / seconds < BOUND
            print(f"{path.name:<48} {kernel_set:<13} {macs:>12,} MACs {macs / seconds / 1e6:8.1f} million a second")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
