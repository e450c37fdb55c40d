#!/usr/bin/env python
"""What a conversion costs beside the bare TFLiteConverter in a process of its own, on the same SavedModel, in turns.

    .venv/bin/python scripts/benchmarks/convert.py [--pairs 9]

Prints the median of the ratios, pair by pair, of the time that passes and of the processors' time; at most 1.15 is
the goal. Ours writes the trained weights, the order of the ends and the log besides.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

BARE = """
import sys
import tensorflow as tf
converter = tf.lite.TFLiteConverter.from_saved_model(sys.argv[1])
converter.optimizations = [tf.lite.Optimize.DEFAULT]
converter.inference_input_type = converter.inference_output_type = tf.int8
open(sys.argv[2], "wb").write(converter.convert())
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=9)
    pairs = parser.parse_args().pairs
    with tempfile.TemporaryDirectory() as name:
        for net in ("four layers", "MobileNetV2"):
            print(f"{net}: {compare(net, Path(name), pairs)}", flush=True)


def compare(net: str, folder: Path, pairs: int) -> str:
    """The medians of one net."""
    from qat_kit.convert import convert
    from qat_kit.simulation import export_simulated, trained_tensors

    model = simulated(net)
    source, trained = export_simulated(model, folder / net), trained_tensors(model)
    output, log = folder / "out.tflite", folder / "log.txt"
    command = [sys.executable, "-c", BARE, str(source), str(folder / "bare.tflite")]

    def ours() -> None:
        convert(source, output, mode="int8_from_qat", trained=trained, log=log)

    def bare() -> None:
        subprocess.run(command, check=True, capture_output=True)

    ours(), bare()
    runs = [(cost(ours), cost(bare)) for _ in range(pairs)]
    wall, processor = (statistics.median(mine[kind] / theirs[kind] for mine, theirs in runs) for kind in (0, 1))
    seconds = statistics.median(theirs[0] for _, theirs in runs)
    return f"{wall:.2f} of the time, {processor:.2f} of the processors' time; bare {seconds:.1f} s, {pairs} pairs"


def cost(action: Callable[[], None]) -> tuple[float, float]:
    """(seconds that pass, seconds of processors), those of child processes included."""
    begin, before = time.perf_counter(), os.times()
    action()
    after = os.times()
    return time.perf_counter() - begin, sum(after[:4]) - sum(before[:4])


def simulated(net: str) -> object:
    import tf_keras
    from tf_keras import layers

    from qat_kit.prepare import prepare
    from qat_kit.simulation import simulate

    tf_keras.utils.set_random_seed(0)
    shape = (96, 96, 3)
    if net == "MobileNetV2":
        model = tf_keras.applications.MobileNetV2(weights=None, input_shape=shape, classes=10)
    else:
        parts = [layers.Conv2D(8, 3), layers.ReLU(), layers.Flatten(), layers.Dense(10)]
        model = tf_keras.Sequential([tf_keras.Input((16, 16, 3)), *parts])
    images = np.random.default_rng(0).normal(size=(8, *model.input_shape[1:])).astype(np.float32)
    return simulate(prepare(model), [(images,)]).model


if __name__ == "__main__":
    main()
