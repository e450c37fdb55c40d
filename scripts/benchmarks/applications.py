#!/usr/bin/env python
"""Nets of `keras.applications` through the whole kit, untrained and on random images: does each come out fully int8?

    .venv/bin/python scripts/benchmarks/applications.py [NAME …]            96×96 pixels, tf_keras, with latencies
    .venv/bin/python scripts/benchmarks/applications.py --stages [NAME …]   small inputs, either generation: keras.VGG16

Accuracy means nothing here; operators, sizes and the latency ratio do. Latency is measured in turns in one process.
--stages takes each net of `tests/support/layer_zoo/applications.py` in a process of its own as far as the zoo's models
go (`tests/support/coverage.py`), with four samples, and prints the seconds of each stage.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

NAMES = ("MobileNet", "MobileNetV2", "ResNet50", "ResNet50V2", "DenseNet121", "VGG16", "EfficientNetB0", "Xception")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stages", action="store_true")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    if arguments.here:
        print(stages(*arguments.names))
    elif arguments.stages:
        from tests.support.layer_zoo.applications import APPLICATIONS

        for name in arguments.names or APPLICATIONS:
            command = [sys.executable, __file__, "--here", name]
            environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
            child = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
            print(child.stdout.strip() or f"{name}: {child.stderr.strip()[-500:]}", flush=True)
    else:
        for name in arguments.names or NAMES:
            print(f"{name}: {one(name)}", flush=True)


def stages(name: str) -> str:
    """A row of a table: how far a net comes, and the seconds of each stage."""
    from tests.support.coverage import KIT_STAGES, through_kit
    from tests.support.layer_zoo.applications import APPLICATIONS

    with tempfile.TemporaryDirectory() as folder:
        result = through_kit(APPLICATIONS[name], Path(folder), num_samples=4)
    cells = [str(result["seconds"].get(stage, "–")) for stage in KIT_STAGES]
    lsb = " / ".join(f"{steps:.0f}" for steps in result["lsb"].values())
    row = f"| {name} | {' | '.join(cells)} | {result['operators']} | {lsb} |"
    return row if result["failed"] is None else f"{row} {result['failed']}: {result['message']}"


def one(name: str) -> str:
    """The verdict on one net at 96×96 pixels, or why it is refused."""
    import tf_keras

    import qat_kit

    tf_keras.utils.set_random_seed(0)
    model = getattr(tf_keras.applications, name)(weights=None, input_shape=(96, 96, 3), classes=10)
    images = np.random.default_rng(0).normal(size=(32, 96, 96, 3)).astype(np.float32)
    data = (images, np.arange(32) % 10)
    begin = time.perf_counter()
    try:
        result = qat_kit.quantize(
            model, train_data=data, validation_data=data, qat_epochs=1, batch_size=8, num_latency_runs=20
        )
    except qat_kit.QatKitError as error:
        return f"{type(error).__name__}: {error}"
    before, after = (result.measurement[form] for form in ("float32_tflite", "int8_tflite"))
    return (
        f"{result.certificate.verdict}; {after.size_bytes:,} of {before.size_bytes:,} bytes, "
        f"latency int8/float32 {after.latency.p50_ms / before.latency.p50_ms:.2f} "
        f"({after.latency.kernel_set}, 1 thread), {time.perf_counter() - begin:.0f} s in all"
    )


if __name__ == "__main__":
    main()
