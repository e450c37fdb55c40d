"""What quantization-aware training does beside training: penalty, bits, freezing, teacher, the file's figures, logs."""

from __future__ import annotations

import re
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
from qat_kit.errors import ModelError, SettingsError
from qat_kit.prepare import prepare
from qat_kit.qat import QatOptions, train
from qat_kit.qat.board import weight_sqnr_db
from qat_kit.qat.schedules import BitSchedule
from qat_kit.qat.train import weight_error
from qat_kit.results import QatModel
from qat_kit.schemes import get_scheme
from qat_kit.simulation import simulate, trained_tensors
from qat_kit.training import History, TrainingSettings, loss_for
from tests.support import models
from tests.support.models import VECTOR, chain, model_of

LOSS = loss_for("classification", "logits")


def net() -> tf_keras.Model:
    parts = [layers.Dense(8, name="first"), layers.ReLU(name="relu"), layers.Dense(8, name="body"), layers.ReLU()]
    return model_of(chain(*parts, layers.Dense(3, name="last")), VECTOR)


def data(count: int = 24) -> Split:
    (inputs,) = models.samples(net(), count)
    return Split(inputs=(inputs,), labels=np.argmax(inputs[:, :3], axis=1))


def made(scheme: str = "w4a8", **ways: Any) -> QatModel:
    method = get_scheme(scheme).trained_by(**ways)
    return simulate(prepare(net()), [data().inputs], scheme=method, target="litert_builtin")


def trained(
    qat: QatModel, epochs: int = 3, *, split: Split | None = None, **arguments: Any
) -> tuple[QatModel, History]:
    changes = arguments.pop("settings", {})
    settings = TrainingSettings(**{"epochs": epochs, "batch_size": 8, "learning_rate": 0.02, **changes})
    options = QatOptions(**arguments.pop("options", {}))
    split = split or data()
    return train(qat, split, calibration=[split.inputs], loss=LOSS, settings=settings, options=options, **arguments)


def weights_of(qat: QatModel, layer: str) -> list[np.ndarray]:
    return [weight.numpy() for weight in qat.model.get_layer(layer).weights]


def same(one: list[np.ndarray], two: list[np.ndarray]) -> bool:
    return all(np.array_equal(first, second) for first, second in zip(one, two, strict=True))


def test_the_weight_error_is_a_share_of_each_kernels_power_and_draws_weights_to_their_grid() -> None:
    qat = made()
    expected = 0.0
    for name in ("first", "body", "last"):
        layer = qat.model.get_layer(name)
        kernel, on_grid = layer.kernel.numpy(), layer.quantized_kernel().numpy()
        expected += np.mean((kernel - on_grid) ** 2) / np.mean(kernel**2)
    assert float(weight_error(qat.model)) == pytest.approx(expected, rel=1e-5)
    kernel = qat.model.get_layer("body").kernel
    with tf.GradientTape() as tape:
        error = weight_error(qat.model)
    away = kernel.numpy() - qat.model.get_layer("body").quantized_kernel().numpy()
    np.testing.assert_allclose(
        tape.gradient(error, kernel), 2 * away / away.size / np.mean(kernel.numpy() ** 2), rtol=1e-4
    )


@pytest.mark.slow
def test_the_penalty_leaves_smaller_weight_errors() -> None:
    free, drawn = trained(made(), 6)[0], trained(made(), 6, options={"penalty": 20.0})[0]
    assert float(weight_error(drawn.model)) < 0.6 * float(weight_error(free.model))


def test_bits_fall_over_the_epochs_in_which_ranges_move() -> None:
    qat = made("w3a8", weight_ranges="min_max")
    schedule = BitSchedule(qat.model, (6, 4), until=6)
    highest = qat.model.get_layer("body").kernel_range["highest"]
    seen = []
    for epoch in range(9):
        schedule(epoch)
        seen.append(int(highest.numpy()))
    assert seen == [31, 31, 7, 7, 3, 3, 3, 3, 3]
    assert [schedule.is_final(epoch) for epoch in range(9)] == [highest == 3 for highest in seen]


@pytest.mark.slow
@pytest.mark.parametrize("weight_ranges", ["learned_step", "min_max", "least_squares", "power_of_two_step"])
def test_lowered_bits_end_at_the_schemes(weight_ranges: str) -> None:
    qat, _ = trained(made("w3a8", weight_ranges=weight_ranges), 6, options={"bits": (6, 5)})
    assert {tensor.num_bits for tensor in trained_tensors(qat.model).weights.values()} == {3}
    layer = qat.model.get_layer("body")
    steps = layer.quantized_kernel() / layer.quantize_config.weight_quantizer.scale(layer.kernel, layer.kernel_range)
    assert set(np.rint(steps).reshape(-1).astype(int).tolist()) == set(range(-3, 4))


def test_bits_that_were_not_lowered_to_the_end_are_not_exported() -> None:
    qat = made("w3a8")
    BitSchedule(qat.model, (5,), until=4)(0)
    with pytest.raises(ModelError, match=r"layer 'first' has weights of 5 bits.*3"):
        trained_tensors(qat.model)


def test_bits_without_a_layer_that_has_fewer_are_refused() -> None:
    with pytest.raises(SettingsError, match="no layer has evenly spaced weights of fewer than 6 bits"):
        trained(made("w8a8"), options={"bits": (6,)})
    for bits in ((5, 6), (9,), (2,)):
        with pytest.raises(SettingsError, match="bits must fall"):
            QatOptions(bits=bits)


def test_layers_are_frozen_by_share_of_the_epochs_and_stay_as_they_are(tmp_path: Path) -> None:
    qat = made(activation_ranges="learned_step")
    first, body = weights_of(qat, "first"), weights_of(qat, "body")
    trained(qat, 4, options={"freeze": {"first": 0, "relu": 0, "body": 0.5}}, checkpoint=tmp_path / "whole.npz")
    assert same(weights_of(qat, "first"), first)
    assert not same(weights_of(qat, "body"), body)
    # What stands still from the middle on ends as it was in the middle.
    half = made(activation_ranges="learned_step")
    watch = Steps(lambda: weights_of(half, "body"))
    trained(half, 4, options={"freeze": {"first": 0, "relu": 0, "body": 0.5}}, progress=watch)
    assert len(watch.found) == 12
    assert same(watch.found[5], watch.found[-1])
    assert not same(watch.found[4], watch.found[5])


class Steps:
    """A progress that looks at something behind each step."""

    def __init__(self, look: Callable[[], Any]) -> None:
        self.look, self.found = look, []

    @contextmanager
    def track(self, description: str, total: int) -> Iterator[Callable[[int], None]]:
        del description, total
        yield lambda steps: self.found.append(self.look()) if steps else None

    def say(self, line: str) -> None:
        del line


def test_a_glob_without_a_layer_is_refused_with_the_nearest() -> None:
    with pytest.raises(SettingsError, match=r"'frist'.*'first'"):
        trained(made(), options={"freeze": {"frist": 0.0}})


def test_a_teacher_must_be_there() -> None:
    with pytest.raises(SettingsError, match="needs the float model"):
        trained(made(), options={"distillation_weight": 0.5})


@pytest.mark.slow
def test_a_teacher_teaches() -> None:
    float_model = prepare(net()).model
    options = {"distillation_weight": 1.0, "temperature": 2.0, "features": ("relu",)}
    qat, _ = trained(made("w3a8"), 12, options=options, teacher=float_model)
    plain, _ = trained(made("w3a8"), 12)
    (inputs,) = data().inputs
    distances = [
        float(np.mean((model.predict_on_batch(inputs) - float_model.predict_on_batch(inputs)) ** 2))
        for model in (qat.model, plain.model)
    ]
    assert distances[0] < 0.5 * distances[1]


# -------------------------------------------------------------------------------------------- the file's figures


class Lines:
    """A progress that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def track(self, description: str, total: int) -> Any:
        from qat_kit.progress import SilentProgress

        return SilentProgress().track(description, total)

    def say(self, line: str) -> None:
        self.lines.append(line)


def test_the_file_is_measured_beside_the_simulation_and_the_best_epoch_kept(tmp_path: Path) -> None:
    said, split = Lines(), data(60)
    qat = made("w3a8")
    qat, history = trained(
        qat,
        6,
        split=split,
        validation=split,
        settings={"select_by": "int8_accuracy", "learning_rate": 0.2},
        # Bits are lowered before the third epoch: the second makes no file.
        options={"evaluate_every": 2, "log_folder": tmp_path / "board", "bits": (5,)},
        judge=lambda outputs, samples: {"highest": float(outputs[qat.model.output_names[0]][: len(samples)].max())},
        checkpoint=tmp_path / "qat.npz",
        progress=said,
    )
    measured = [epoch for epoch, figures in enumerate(history) if "int8_accuracy" in figures]
    assert measured == [3, 5]
    for epoch in measured:
        assert history[epoch]["int8_accuracy"] == pytest.approx(history[epoch]["simulated_accuracy"], abs=0.05)
        assert history[epoch]["int8_loss"] == pytest.approx(history[epoch]["validation_loss"], rel=0.1)
        assert history[epoch]["int8_highest"] == pytest.approx(history[epoch]["simulated_highest"], rel=0.05)
    assert re.fullmatch(
        r"  epoch 4: loss \S+, validation_loss \S+, int8_loss \S+, int8_accuracy \S+, simulated.*", said.lines[0]
    )
    # The model at the end is that of the best file, not of the last epoch.
    best = max(history[epoch]["int8_accuracy"] for epoch in measured)
    kept = np.mean(np.argmax(qat.model.predict_on_batch(split.inputs[0]), axis=1) == split.labels)
    matching = [epoch for epoch in measured if history[epoch]["int8_accuracy"] == best]
    assert kept == pytest.approx(history[matching[0]]["simulated_accuracy"])
    assert {path.name.split(".")[0] for path in (tmp_path / "board").iterdir()} == {"events"}
    tags = logged(tmp_path / "board")
    assert {
        "figures/int8_accuracy",
        "range_maximum/last",
        "range_minimum/quantize_image",
        "weight_sqnr_db/last",
    } <= tags


def logged(folder: Path) -> set[str]:
    """The tags of the event files of a folder."""
    found = set()
    for path in folder.iterdir():
        for record in tf.data.TFRecordDataset(str(path)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            found |= {value.tag for value in event.summary.value}
    return found


def test_signal_over_noise_of_a_kernel_worked_by_hand() -> None:
    layer = made("w8a8").model.get_layer("last")
    kernel, on_grid = layer.kernel.numpy().astype(np.float64), layer.quantized_kernel().numpy()
    assert weight_sqnr_db(layer) == pytest.approx(10 * np.log10(np.sum(kernel**2) / np.sum((kernel - on_grid) ** 2)))
    layer.kernel.assign(on_grid)
    assert weight_sqnr_db(layer) > 100


@pytest.mark.parametrize("figure", ["int8_accuracy", "validation_loss"])
def test_without_validation_data_selection_is_refused(figure: str) -> None:
    with pytest.raises(SettingsError, match=f"select_by = '{figure}' needs validation data.*fallback_to_last"):
        trained(made(), settings={"select_by": figure})


def test_it_falls_back_to_the_last_epoch_when_asked_and_says_so() -> None:
    said = Lines()
    selecting = {"settings": {"select_by": "int8_loss"}, "options": {"fallback_to_last": True}}
    _, history = trained(made(), 2, **selecting, progress=said)
    assert said.lines == ["  no validation data: the last epoch is kept, and nothing is selected"]
    assert len(history) == 2


# -------------------------------------------------------------------------------------------- what stops it


def test_an_explosion_names_the_layer_whose_range_was_left_behind(tmp_path: Path) -> None:
    qat, checkpoint = made("w8a8"), tmp_path / "qat.npz"

    def exploding(labels: Any, outputs: Any) -> Any:
        return LOSS(labels, outputs) * limit

    limit = tf.Variable(1.0)
    split = data()
    arguments = {"calibration": [split.inputs], "loss": exploding, "checkpoint": checkpoint}
    train(qat, split, settings=TrainingSettings(epochs=1, batch_size=8), **arguments)
    good = qat.model.get_weights()
    limit.assign(float("inf"))
    kernel = qat.model.get_layer("body").kernel
    settings = TrainingSettings(epochs=2, batch_size=8, learning_rate=0.5)
    with pytest.raises(
        ModelError, match=r"epoch 2, step 1: layer '\w+' reaches \S+ where its range ends at \S+; lower .*0\.5"
    ):
        train(qat, split, settings=settings, **arguments)
    assert same(qat.model.get_weights(), good)
    kernel.assign(kernel * np.nan)
    checkpoint.unlink()
    with pytest.raises(ModelError, match=r"layer 'body' has a weight that is not finite \(\S*kernel"):
        train(qat, split, settings=settings, **arguments)


@pytest.mark.slow
def test_live_batch_norm_is_measured_as_a_file_once_it_is_folded() -> None:
    parts = [layers.Dense(8, name="dense"), layers.BatchNormalization(momentum=0.5, name="norm"), layers.ReLU()]
    model = model_of(chain(*parts, layers.Dense(8, name="body"), layers.ReLU(), layers.Dense(3, name="last")), VECTOR)
    split = data()
    scheme = get_scheme("w4a8").trained_by(activation_ranges="learned_step")
    prepared = prepare(model, batch_norm="train_then_fold")
    live = simulate(prepared, [split.inputs], scheme=scheme, target="litert_builtin")
    qat, history = trained(live, 3, validation=split, settings={"select_by": "int8_loss"}, options={"bits": (6,)})
    assert ["int8_loss" in figures for figures in history] == [False, False, True]
    assert {tensor.num_bits for tensor in trained_tensors(qat.model).weights.values()} == {4}
