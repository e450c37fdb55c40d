"""The policy: ranges follow the weights for two thirds of the epochs and then stand still; killed and resumed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from tf_keras import layers

from qat_kit.datasets import Split
from qat_kit.prepare import prepare
from qat_kit.qat import train
from qat_kit.results import QatModel
from qat_kit.simulation import simulate, trained_tensors
from qat_kit.training import TrainingSettings, loss_for
from tests.support import models
from tests.support.models import VECTOR, chain, model_of

LOSS = loss_for("regression", "values")


def small() -> tuple[QatModel, Split, list[list[np.ndarray]]]:
    model = model_of(chain(layers.Dense(8, activation="relu", name="dense"), layers.Dense(2, name="last")), VECTOR)
    (inputs,) = models.samples(model, 24)
    data = Split(inputs=(inputs,), labels=inputs[:, :2] * 5)
    calibration = [[inputs[:12]]]
    return simulate(prepare(model), calibration), data, calibration


def ranges(qat: QatModel) -> dict[str, tuple[float, ...]]:
    return {name: tensor.scale for name, tensor in trained_tensors(qat.model).outputs.items()}


class Killed(BaseException):
    """Stands for SIGKILL: nothing in the library catches it."""


class DyingProgress:
    """Dies behind the first step after so many."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    @contextmanager
    def track(self, description: str, total: int) -> Iterator[Callable[[int], None]]:
        del total
        assert description == "quantization-aware training"
        yield self.advance

    def advance(self, steps: int) -> None:
        self.steps -= steps
        if self.steps < 0:
            raise Killed

    def say(self, line: str) -> None:
        del line


STEPS = 3


def trained(epochs: int, *, steps: int | None = None, checkpoint: Path | None = None) -> QatModel:
    """A training of so many epochs; killed behind the first step after `steps`."""
    qat, data, calibration = small()
    settings = TrainingSettings(epochs=epochs, batch_size=8, learning_rate=0.05, warm_up_epochs=0)
    arguments = {"calibration": calibration, "loss": LOSS, "settings": settings, "checkpoint": checkpoint}
    if steps is None:
        train(qat, data, **arguments)
    else:
        with pytest.raises(Killed):
            train(qat, data, progress=DyingProgress(steps), **arguments)
    return qat


@pytest.mark.parametrize(("total", "frozen_from"), [(6, 4), (3, 2), (9, 6)])
def test_ranges_move_for_two_thirds_of_the_epochs_and_then_stand_still(total: int, frozen_from: int) -> None:
    # Killed at its first step, an epoch leaves the ranges that were set before it.
    found = [ranges(trained(total, steps=epoch * STEPS)) for epoch in range(total)]
    for epoch in range(1, total):
        assert (found[epoch]["last"] == found[epoch - 1]["last"]) is (epoch >= frozen_from), epoch
    assert len({values["image"] for values in found}) == 1


def test_one_epoch_trains_against_the_first_calibration() -> None:
    qat, data, calibration = small()
    before = ranges(qat)
    train(qat, data, calibration=calibration, loss=LOSS, settings=TrainingSettings(epochs=1))
    assert ranges(qat) == before


def test_training_learns_through_the_quantizers() -> None:
    qat, data, calibration = small()
    settings = TrainingSettings(epochs=20, batch_size=8, learning_rate=0.1)
    _, history = train(qat, data, calibration=calibration, loss=LOSS, settings=settings, validation=data)
    assert history[-1]["loss"] < 0.3 * history[0]["loss"]
    assert history[-1]["validation_loss"] == pytest.approx(history[-1]["loss"], rel=0.3)


@pytest.mark.parametrize("epoch", [1, 3, 5])
def test_killed_and_resumed_ends_with_the_same_weights_and_ranges(epoch: int, tmp_path: Path) -> None:
    whole = trained(6)
    checkpoint = tmp_path / "checkpoint.npz"
    trained(6, steps=epoch * STEPS + 1, checkpoint=checkpoint)
    resumed = trained(6, checkpoint=checkpoint)
    for one, two in zip(resumed.model.get_weights(), whole.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    assert trained_tensors(resumed.model) == trained_tensors(whole.model)


def test_batch_norm_trains_and_is_folded_before_the_end(tmp_path: Path) -> None:
    parts = [layers.Dense(8, name="dense"), layers.BatchNormalization(momentum=0.5, name="norm"), layers.ReLU()]
    model = model_of(chain(*parts, layers.Dense(2, name="last")), VECTOR)
    (inputs,) = models.samples(model, 24)
    data = Split(inputs=(inputs,), labels=inputs[:, :2] * 5)
    prepared = prepare(model, batch_norm="train_then_fold")
    live = simulate(prepared, [[inputs[:12]]])
    before = live.model.get_layer("norm").layer.moving_mean.numpy().copy()
    settings = TrainingSettings(epochs=3, batch_size=8, learning_rate=0.01)
    checkpoint = tmp_path / "qat.npz"
    trained, history = train(
        live, data, calibration=[[inputs[:12]]], loss=LOSS, settings=settings, checkpoint=checkpoint
    )
    assert len(history) == 3
    assert not np.array_equal(live.model.get_layer("norm").layer.moving_mean.numpy(), before)
    assert "norm" not in {layer.name for layer in trained.model.layers}
    assert trained.origins["dense"] == ("dense", "norm")

    again = simulate(prepare(model, batch_norm="train_then_fold"), [[inputs[:12]]])
    resumed, _ = train(again, data, calibration=[[inputs[:12]]], loss=LOSS, settings=settings, checkpoint=checkpoint)
    assert trained_tensors(resumed.model) == trained_tensors(trained.model)
