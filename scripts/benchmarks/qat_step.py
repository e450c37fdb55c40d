"""The time of a training step: float, tfmot's quantize_model, the fake and the integer forward pass of qat_kit.

python scripts/benchmarks/qat_step.py                            all nets, some minutes
python scripts/benchmarks/qat_step.py --net resnet8 --rounds 30  one of them, with more care
python scripts/benchmarks/qat_step.py --net resnet8 --profile    where tfmot's step and ours spend their time

float is the original model with its batch norm in training. All take the same batch, in turns; a figure is the median
over the rounds of a variant's time over float's in the same round. Exits with 1 where a bound is missed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
import tf_keras
from tf_keras import layers

from qat_kit.nets import ds_cnn, mobilenet, resnet8
from qat_kit.prepare import prepare
from qat_kit.simulation import simulate

Step = Callable[[], Any]
BATCH = 32
# Of float's time, by variant.
BOUNDS = {"fake": 1.1, "integer xnnpack": 1.6, "integer reference": 2.0, "integer builtin": 2.0}
FAKE_OVER_TFMOT = 0.85


def auto_encoder() -> tf_keras.Model:
    """MLPerf Tiny's for anomaly detection: nine dense layers with batch norm, and one without."""
    value = vector = tf_keras.Input((640,), name="spectra")
    for units in (128, 128, 128, 128, 8, 128, 128, 128, 128):
        value = layers.ReLU()(layers.BatchNormalization()(layers.Dense(units)(value)))
    return tf_keras.Model(vector, layers.Dense(640)(value), name="auto_encoder")


NETS: Mapping[str, Callable[[], tf_keras.Model]] = {
    "resnet8": resnet8,
    "mobilenet": mobilenet,
    "ds_cnn": ds_cnn,
    "auto_encoder": auto_encoder,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--net", choices=NETS, action="append")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--profile", action="store_true")
    wishes = parser.parse_args()
    kept = [measure(name, wishes.rounds, profile=wishes.profile) for name in wishes.net or NETS]
    return 0 if all(kept) else 1


def measure(name: str, rounds: int, *, profile: bool) -> bool:
    """Prints the ratios of one net; returns whether all keep their bounds."""
    steps = {variant: step_of(model) for variant, model in variants(NETS[name]()).items()}
    seconds = by_turns(rounds, steps)
    print(f"{name}: float {1e3 * statistics.median(seconds['float']):.1f} ms a step of {BATCH}")
    kept = True
    for variant in steps:
        if variant != "float":
            kept &= report(f"{variant} / float", over(seconds, variant, "float"), BOUNDS.get(variant))
    if "tfmot" in steps:
        kept &= report("fake / tfmot", over(seconds, "fake", "tfmot"), FAKE_OVER_TFMOT)
    for variant in ("tfmot", "fake", "integer xnnpack") if profile else ():
        show_profile(variant, steps[variant])
    return kept


def variants(model: tf_keras.Model) -> dict[str, tf_keras.Model]:
    """The same net in each form, all with the same weights."""
    data = batch_for(model)[0]
    prepared = prepare(model)
    integers = {
        f"integer {kernel_set}": simulate(prepared, [[data]], forward="integer", kernel_set=kernel_set).model
        for kernel_set in ("xnnpack", "reference", "builtin")
    }
    return {"float": model, "tfmot": by_tfmot(model), "fake": simulate(prepared, [[data]]).model, **integers}


def by_tfmot(model: tf_keras.Model) -> tf_keras.Model:
    """What tfmot alone makes of it."""
    from tensorflow_model_optimization.python.core.quantization.keras.quantize import quantize_model

    return quantize_model(model)


def batch_for(model: tf_keras.Model) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    inputs, outputs = (
        random.normal(0, 1, (BATCH, *tensor.shape[1:])) for tensor in (model.inputs[0], model.outputs[0])
    )
    return inputs.astype(np.float32), outputs.astype(np.float32)


def step_of(model: tf_keras.Model) -> Step:
    """A step of Adam on the squared error, the same for each form of the net."""
    inputs, targets = map(tf.constant, batch_for(model))
    optimizer = tf_keras.optimizers.Adam(1e-5)
    optimizer.build(model.trainable_variables)

    @tf.function
    def step() -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(inputs, training=True) - targets))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    return step


def by_turns(rounds: int, steps: Mapping[str, Step]) -> dict[str, list[float]]:
    """Seconds of each step in each round; two rounds before are not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for index in range(rounds + 2):
        for name, step in steps.items():
            start = time.perf_counter()
            step().numpy()
            if index >= 2:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def over(seconds: Mapping[str, list[float]], variant: str, base: str) -> float:
    return statistics.median(a / b for a, b in zip(seconds[variant], seconds[base], strict=True))


def report(name: str, ratio: float, bound: float | None) -> bool:
    """Prints a ratio beside its bound; returns whether it keeps it."""
    kept = bound is None or ratio <= bound
    verdict = "" if bound is None else f"   ≤ {bound:g}   {'kept' if kept else 'MISSED'}"
    print(f"  {name:<28}{ratio:6.2f}{verdict}")
    return kept


def show_profile(variant: str, step: Step, *, count: int = 12) -> None:
    """Prints the operators that three steps spend most of their time in, by kind, in ms a step."""
    with TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        for _ in range(3):
            step().numpy()
        tf.profiler.experimental.stop()
        spent = operator_times(next(Path(folder).rglob("*.xplane.pb")))
    print(f"  {variant}: " + ", ".join(f"{op} {1e3 * time / 3:.1f}" for op, time in spent.most_common(count)))


def operator_times(path: Path) -> Counter[str]:
    """Seconds by kind of operator, over all threads, from a trace of TensorFlow's profiler."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    space = xplane_pb2.XSpace.FromString(path.read_bytes())
    spent: Counter[str] = Counter()
    for plane in space.planes:
        for line in plane.lines:
            for event in line.events:
                name = plane.event_metadata[event.metadata_id].name
                _, separator, kind = name.rpartition(":")
                if separator and kind.isidentifier():
                    spent[kind] += event.duration_ps / 1e12
    return spent


if __name__ == "__main__":
    sys.exit(main())
