"""Two replicas share each batch and train as one device does; in a process of its own, whose devices are cut up."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from tf_keras import layers

from qat_kit.datasets import Split
from qat_kit.training import Distillation, TrainingSettings, fit, fix_randomness, loss_for

LOSS = loss_for("classification", "logits")
# Batches of 15, 15, 15 and 1: uneven shares, and a last one that is smaller than two replicas.
COUNT, BATCH = 46, 15


def data() -> Split:
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, COUNT)
    inputs = random.normal(0, 1, (COUNT, 4, 4, 2)).astype(np.float32)
    inputs[:, 0, 0, 0] += labels
    return Split(inputs=(inputs,), labels=labels)


def net(seed: int) -> tf_keras.Model:
    fix_randomness(seed)
    return tf_keras.Sequential(
        [
            tf_keras.Input((4, 4, 2)),
            layers.Conv2D(4, 3, name="conv", use_bias=False, kernel_regularizer="l2"),
            layers.BatchNormalization(momentum=0.8, name="norm"),
            layers.ReLU(name="relu"),
            layers.Flatten(),
            layers.Dense(3, name="last"),
        ]
    )


def trained(strategy: Any, epochs: int = 2, checkpoint: Path | None = None, stop: int | None = None) -> dict[str, Any]:
    """Everything that a batch's share may get wrong is in: clipping, decay, averages, a teacher and a penalty."""
    model = net(0)

    def before(epoch: int) -> None:
        if epoch == stop:
            raise KeyboardInterrupt
        model.get_layer("last").trainable = epoch < 2

    settings = TrainingSettings(
        epochs=epochs, batch_size=BATCH, learning_rate=0.01, clip_norm=0.5, weight_decay=0.01, average_decay=0.9
    )
    distillation = Distillation(teacher=net(5), scores="logits", features=("relu",), weight=0.3)
    try:
        history = fit(
            model,
            data(),
            loss=LOSS,
            settings=settings,
            validation=data(),
            before_epoch=before,
            penalty=lambda net: 0.1 * tf.reduce_mean(tf.square(net.get_layer("last").kernel)),
            distillation=distillation,
            checkpoint=checkpoint,
            strategy=strategy,
        )
    except KeyboardInterrupt:
        history = []
    return {"history": history, "weights": [weight.numpy().tolist() for weight in model.trainable_weights]}


def compare(folder: Path, *, all_ways: bool) -> dict[str, Any]:
    """What the child process does."""
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    mirrored = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    if not all_ways:
        return {"one": trained(None), "two": trained(mirrored)}
    found = {"one": trained(None, 3), "two": trained(mirrored, 3)}
    trained(mirrored, 3, folder / "state.npz", stop=2)
    found["moved"] = trained(None, 3, folder / "state.npz")
    trained(mirrored, 3, folder / "same.npz", stop=1)
    found["resumed"] = trained(mirrored, 3, folder / "same.npz")
    return found


def compared(folder: Path, *, all_ways: bool) -> dict[str, Any]:
    """`compare` in a child process."""
    program = (
        "import sys, json, pathlib; from tests.unit.training.test_replicas import compare; "
        f"print(json.dumps(compare(pathlib.Path(sys.argv[1]), all_ways={all_ways})))"
    )
    command = [sys.executable, "-c", program, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3])
    assert done.returncode == 0, done.stderr[-3000:]
    results: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return results


def losses(result: dict[str, Any]) -> list[float]:
    return [figures["loss"] for figures in result["history"]]


def assert_near(one: dict[str, Any], two: dict[str, Any]) -> None:
    np.testing.assert_allclose(losses(one), losses(two), rtol=1e-5)
    for first, second in zip(one["weights"], two["weights"], strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-3, atol=1e-5)
    # The moving variance of a convolution's batch norm is n / (n − 1) times as large on one device.
    validation = [[figures["validation_loss"] for figures in each["history"]] for each in (one, two)]
    np.testing.assert_allclose(*validation, rtol=1e-2)


def test_two_replicas_train_as_one_device_does(tmp_path: Path) -> None:
    found = compared(tmp_path, all_ways=False)
    assert losses(found["one"])[-1] < losses(found["one"])[0]
    assert_near(found["one"], found["two"])


@pytest.mark.slow
def test_a_layer_is_frozen_and_a_checkpoint_goes_on_with_two_replicas_or_with_one(tmp_path: Path) -> None:
    found = compared(tmp_path, all_ways=True)
    assert_near(found["one"], found["two"])
    assert found["resumed"] == found["two"]
    assert_near(found["one"], found["moved"])
