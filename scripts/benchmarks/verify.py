#!/usr/bin/env python
"""How long it takes to read a file's proof: `verify`'s static part on ResNet-50 in int8, `inspect` on 50 MB of weights.

    .venv/bin/python scripts/benchmarks/verify.py [--resnet FILE] [--rounds N]

Makes the ResNet-50 file (224×224 pixels, random weights, post-training quantization) where none is given; that takes a
minute or two. Seconds of the clock and of one processor are told apart, since others may be at work on the machine; the
limits are held against the latter.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from qat_kit.inspection import inspect
from qat_kit.litert.arena import plan_arena
from qat_kit.litert.model_file import read_model
from qat_kit.verify import RunRequest, verify


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--resnet", type=Path, help="an int8 ResNet-50 that is there already, or a place to keep it")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        resnet = arguments.resnet or Path(folder) / "resnet50.tflite"
        if not resnet.exists():
            make_resnet(resnet)
        certificate = verify(resnet)
        print(f"{resnet.stat().st_size:,} bytes, {certificate.num_operators} operators: {certificate.verdict}")
        report("verify, static part, ResNet-50", lambda: verify(resnet), arguments.rounds, limit_s=2.0)
        graph = read_model(resnet).subgraphs[0]
        report("  of which the arena's plan", lambda: plan_arena(graph), arguments.rounds)
        large = make_large(Path(folder) / "large.tflite")
        name = f"inspect, {large.stat().st_size / 1e6:.0f} MB"
        report(name, lambda: inspect(large), arguments.rounds, limit_s=3.0)
        report("verify --run, 8 random inputs (children not counted)", lambda: verify(resnet, run=RunRequest()), 1)


def report(name: str, work: Callable[[], object], rounds: int, *, limit_s: float | None = None) -> None:
    """Prints the medians of some rounds, and whether the processor's keeps to the limit."""
    walls, cpus = [], []
    for _ in range(rounds):
        start = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - start[0])
        cpus.append(time.process_time() - start[1])
    wall, cpu = statistics.median(walls), statistics.median(cpus)
    verdict = "" if limit_s is None else f", {'within' if cpu <= limit_s else 'BEYOND'} {limit_s:g} s"
    print(f"{name}: {wall:.2f} s by the clock, {cpu:.2f} s of a processor{verdict}", flush=True)


def make_resnet(path: Path) -> None:
    import tf_keras

    from qat_kit.convert.job import Job
    from qat_kit.convert.worker import run

    tf_keras.utils.set_random_seed(0)
    model = tf_keras.applications.ResNet50(weights=None)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model.export(folder / "saved_model")
        (entry,) = model.input_names
        samples = np.random.default_rng(0).normal(size=(1, 224, 224, 3)).astype(np.float32)
        np.savez(folder / "samples.npz", **{entry: samples})
        job = Job(
            saved_model=folder / "saved_model",
            output=path,
            mode="int8_post_training",
            representative=folder / "samples.npz",
        )
        run(job)


def make_large(path: Path) -> Path:
    """One dense layer of random numbers, which compress badly."""
    import tensorflow as tf

    weights = tf.constant(np.random.default_rng(0).normal(size=(3535, 3535)).astype(np.float32))
    function = tf.function(lambda x: tf.matmul(x, weights), input_signature=[tf.TensorSpec([1, 3535], tf.float32)])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()], tf.Module())
    path.write_bytes(converter.convert())
    return path


if __name__ == "__main__":
    main()
