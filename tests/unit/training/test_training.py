"""Training that is killed and goes on, to the bit; seeds; losses worked by hand; what stops it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from tf_keras import layers

from qat_kit.datasets import Split
from qat_kit.errors import ModelError, OutputError
from qat_kit.training import TrainingSettings, fit, fix_randomness, loss_for
from qat_kit.training.determinism import epoch_seed
from qat_kit.training.trainer import _schedule

LOSS = loss_for("classification", "logits")


@pytest.fixture(autouse=True)
def deterministic() -> Iterator[None]:
    """Op determinism stays on in this process; Keras' choice of generators is put back."""
    yield
    tf_keras.backend.experimental.disable_tf_random_generator()


def data(seed: int = 0, count: int = 50) -> Split:
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, count)
    inputs = random.normal(0, 1, (count, 6)).astype(np.float32) + np.eye(3, 6, dtype=np.float32)[labels] * 2
    return Split(inputs=(inputs,), labels=labels)


def model_with_dropout(seed: int = 0) -> tf_keras.Model:
    fix_randomness(seed)
    return tf_keras.Sequential(
        [
            tf_keras.Input((6,)),
            layers.Dense(16, activation="relu", kernel_regularizer="l2"),
            layers.BatchNormalization(),
            layers.Dropout(0.4),
            layers.GaussianNoise(0.1),
            layers.Dense(3),
        ]
    )


class Killed(BaseException):
    """Stands for SIGKILL: nothing in the library catches it."""


def killing(epoch: int) -> Callable[[int], None]:
    def before(current: int) -> None:
        if current == epoch:
            raise Killed

    return before


SETTINGS = TrainingSettings(epochs=6, batch_size=16, learning_rate=1e-2, seed=5)


def trained(seed: int = 0, settings: TrainingSettings = SETTINGS, **arguments: Any) -> tuple[list[np.ndarray], list]:
    model = model_with_dropout(seed)
    history = fit(model, data(), loss=LOSS, settings=settings, **arguments)
    return model.get_weights(), history


def assert_same(first: list[np.ndarray], second: list[np.ndarray]) -> None:
    for one, two in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, two)


# -------------------------------------------------------------------------------------------- resuming


@pytest.mark.parametrize("epoch", [1, 3, 5])
def test_killed_and_resumed_equals_uninterrupted_to_the_bit(epoch: int, tmp_path: Path) -> None:
    expected, history = trained(validation=data(9))
    checkpoint = tmp_path / "checkpoint.npz"
    with pytest.raises(Killed):
        trained(validation=data(9), checkpoint=checkpoint, before_epoch=killing(epoch))
    # Whatever this process drew in between must not matter, nor the weights the new model starts with.
    np.random.default_rng().normal(size=10)
    weights, resumed = trained(seed=77, validation=data(9), checkpoint=checkpoint)
    assert_same(weights, expected)
    assert resumed == history
    assert len(history) == SETTINGS.epochs
    assert set(history[0]) == {"loss", "validation_loss"}


class DyingProgress:
    """Dies after some steps, within an epoch."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    @contextmanager
    def track(self, description: str, total: int) -> Iterator[Callable[[int], None]]:
        del description
        assert total == SETTINGS.epochs * 4
        yield self.advance

    def advance(self, steps: int) -> None:
        self.steps -= steps
        if self.steps < 0:
            raise Killed

    def say(self, line: str) -> None:
        del line


def test_killed_twice_in_the_middle_of_an_epoch(tmp_path: Path) -> None:
    expected, _ = trained()
    checkpoint = tmp_path / "checkpoint.npz"
    for steps in (6, 14):
        with pytest.raises(Killed):
            trained(checkpoint=checkpoint, progress=DyingProgress(steps))
    weights, _ = trained(seed=3, checkpoint=checkpoint)
    assert_same(weights, expected)


def test_a_finished_training_is_not_trained_further(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint.npz"
    expected, history = trained(checkpoint=checkpoint)

    def never(epoch: int) -> None:
        raise AssertionError(f"epoch {epoch} was trained again")

    weights, again = trained(seed=8, checkpoint=checkpoint, before_epoch=never)
    assert_same(weights, expected)
    assert again == history


@pytest.mark.parametrize("units", [8, 4])
def test_a_checkpoint_of_another_model_is_refused(units: int, tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint.npz"
    trained(settings=TrainingSettings(epochs=1), checkpoint=checkpoint)
    parts = [layers.Dense(units)] if units == 8 else []
    other = tf_keras.Sequential([tf_keras.Input((6,)), *parts, layers.Dense(3)])
    before = other.get_weights()
    with pytest.raises(OutputError, match=r"checkpoint\.npz is of another model.*--fresh"):
        fit(other, data(), loss=LOSS, settings=SETTINGS, checkpoint=checkpoint)
    assert_same(other.get_weights(), before)


@pytest.mark.parametrize("content", [b"", b"not an archive", b"PK\x03\x04 cut off"])
def test_a_damaged_checkpoint_is_refused(content: bytes, tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint.npz"
    checkpoint.write_bytes(content)
    with pytest.raises(OutputError, match=r"checkpoint\.npz"):
        fit(model_with_dropout(), data(), loss=LOSS, settings=SETTINGS, checkpoint=checkpoint)


# -------------------------------------------------------------------------------------------- determinism


def test_the_same_seed_gives_the_same_weights_and_another_others() -> None:
    first, again = trained(), trained()
    assert_same(first[0], again[0])
    other = trained(settings=TrainingSettings(epochs=6, batch_size=16, learning_rate=1e-2, seed=6))
    assert any((one != two).any() for one, two in zip(first[0], other[0], strict=True))


def test_seeds_of_epochs_and_purposes_are_unrelated() -> None:
    seeds = {epoch_seed(seed, epoch, name) for seed in range(10) for epoch in range(50) for name in ("order", "0", "1")}
    assert len(seeds) == 1500
    assert epoch_seed(1, 11, "x") != epoch_seed(11, 1, "x")


def test_every_epoch_sees_every_sample_once_in_an_order_of_its_own() -> None:
    """A model that counts: the gradient of its only weight is −1 a sample, whatever the order."""
    seen: list[list[float]] = [[]]

    def spy(labels: Any, outputs: Any) -> Any:
        tf.py_function(lambda values: seen[-1].extend(values.numpy().tolist()), [labels], [])
        return tf.reduce_sum(outputs, axis=-1)

    model = tf_keras.Sequential([tf_keras.Input((1,)), layers.Dense(1)])
    samples = Split(inputs=(np.ones((10, 1), np.float32),), labels=np.arange(10, dtype=np.float32))
    settings = TrainingSettings(epochs=3, batch_size=4)
    fit(model, samples, loss=spy, settings=settings, before_epoch=lambda _: seen.append([]))
    epochs = seen[1:]
    assert [sorted(epoch) for epoch in epochs] == [list(map(float, range(10)))] * 3
    assert epochs[0] != epochs[1] != epochs[2]


# -------------------------------------------------------------------------------------------- what stops it


def test_a_loss_that_is_not_finite_stops_and_keeps_the_epoch_before(tmp_path: Path) -> None:
    def exploding(labels: Any, outputs: Any) -> Any:
        return LOSS(labels, outputs) * tf.where(tf.reduce_mean(outputs) != 0, scale, 1.0)

    scale = tf.Variable(1.0)
    checkpoint = tmp_path / "checkpoint.npz"
    model = model_with_dropout()
    with pytest.raises(
        ModelError, match=r"the loss became nan in epoch 3, step 1; lower the learning rate \(now 0\.01\)"
    ):
        fit(
            model,
            data(),
            loss=exploding,
            settings=SETTINGS,
            checkpoint=checkpoint,
            before_epoch=lambda epoch: scale.assign(float("nan")) if epoch == 2 else None,
        )
    with np.load(checkpoint) as stored:
        assert all(np.isfinite(stored[name]).all() for name in stored.files if name.startswith("variable"))


# -------------------------------------------------------------------------------------------- schedule, losses


def test_the_learning_rate_warms_up_and_falls_to_zero() -> None:
    schedule = _schedule(TrainingSettings(epochs=10, learning_rate=0.1, warm_up_epochs=2), 5)
    rates = [float(schedule(step)) for step in range(51)]
    assert rates[0] == 0.0
    assert rates[5] == pytest.approx(0.05)
    assert rates[10] == pytest.approx(0.1) == max(rates)
    assert rates[30] == pytest.approx(0.05)
    assert rates[50] == pytest.approx(0.0, abs=1e-9)
    assert all(later < earlier for earlier, later in itertools.pairwise(rates[10:]))


def test_without_warm_up_it_starts_at_the_peak() -> None:
    schedule = _schedule(TrainingSettings(epochs=2, learning_rate=0.1, warm_up_epochs=0), 5)
    assert float(schedule(0)) == pytest.approx(0.1)


def test_regularizers_of_the_model_are_part_of_the_objective() -> None:
    model = tf_keras.Sequential([tf_keras.Input((1,)), layers.Dense(1, use_bias=False, kernel_regularizer="l2")])
    model.set_weights([np.array([[1.0]])])
    split = Split(inputs=(np.zeros((4, 1), np.float32),), labels=np.zeros((4, 1), np.float32))
    fit(model, split, loss=loss_for("regression", "values"), settings=TrainingSettings(epochs=3))
    assert model.get_weights()[0].item() < 1.0


@pytest.mark.parametrize(
    ("scores", "outputs"),
    [("logits", [[np.log(0.2), np.log(0.8)], [0.0, 0.0]]), ("probabilities", [[0.2, 0.8], [0.5, 0.5]])],
)
def test_cross_entropy_of_each_sample(scores: Any, outputs: list[list[float]]) -> None:
    loss = loss_for("classification", scores)(tf.constant([1, 0]), tf.constant(outputs, tf.float32))
    np.testing.assert_allclose(loss, [-np.log(0.8), np.log(2.0)], rtol=1e-5)


@pytest.mark.parametrize(("scores", "score"), [("logits", np.log(4.0)), ("probabilities", 0.8)])
@pytest.mark.parametrize("labels", [[1, 0], [[1], [0]]])
def test_binary_cross_entropy_of_one_output(scores: Any, score: float, labels: Any) -> None:
    loss = loss_for("classification", scores)(tf.constant(labels), tf.constant([[score], [score]], tf.float32))
    np.testing.assert_allclose(loss, [-np.log(0.8), -np.log(0.2)], rtol=1e-4)


def test_squared_error_of_each_sample() -> None:
    loss = loss_for("regression", "values")
    np.testing.assert_allclose(loss(tf.constant([1.0, 2.0]), tf.constant([[3.0], [2.0]])), [4.0, 0.0])
    np.testing.assert_allclose(loss(tf.constant([[1.0, 2.0]]), tf.constant([[2.0, 4.0]])), [2.5])
