"""Clipping, decay, averages, selection, early stopping, distillation: each against values worked by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from tf_keras import layers

from qat_kit.datasets import Split
from qat_kit.errors import ModelError, SettingsError
from qat_kit.training import Distillation, TrainingSettings, fit, loss_for
from qat_kit.training.averaging import WeightAverage
from qat_kit.training.distillation import answer_distance, feature_distance

LOSS = loss_for("regression", "values")


def line(weight: float = 1.0, *, name: str = "line") -> tf_keras.Model:
    """y = w · x."""
    image = tf_keras.Input((1,), name="image")
    model = tf_keras.Model(image, layers.Dense(1, use_bias=False, name=name)(image))
    model.set_weights([np.array([[weight]])])
    return model


def points(slope: float, count: int = 4) -> Split:
    inputs = np.ones((count, 1), np.float32)
    return Split(inputs=(inputs,), labels=inputs[:, 0] * slope)


def settings(epochs: int = 1, **changes: Any) -> TrainingSettings:
    return TrainingSettings(**{"epochs": epochs, "batch_size": 4, "learning_rate": 0.1, "warm_up_epochs": 0, **changes})


def weight_of(model: tf_keras.Model) -> float:
    return float(model.get_weights()[0].item())


def test_a_clipped_gradient_reaches_the_optimizer(tmp_path: Path) -> None:
    moments = {}
    for clip_norm in (None, 0.5):
        checkpoint = tmp_path / f"{clip_norm}.npz"
        fit(line(), points(11.0), loss=LOSS, settings=settings(clip_norm=clip_norm), checkpoint=checkpoint)
        with np.load(checkpoint) as stored:
            moments[clip_norm] = [stored[name].item() for name in stored.files if stored[name].shape == (1, 1)]
    # The gradient is 2 · (1 − 11) = −20; the second array is the weight's first moment, (1 − 0.9) times that.
    assert min(moments[None]) == pytest.approx(-2.0, rel=1e-5)
    assert min(moments[0.5]) == pytest.approx(-0.05, rel=1e-5)


def test_kernels_decay_and_biases_do_not() -> None:
    image = tf_keras.Input((1,), name="image")
    model = tf_keras.Model(image, layers.Dense(1, name="line")(image))
    model.set_weights([np.array([[2.0]]), np.array([3.0])])
    data = Split(inputs=(np.zeros((4, 1), np.float32),), labels=np.full(4, 3.0, np.float32))
    fit(model, data, loss=LOSS, settings=settings(weight_decay=0.5))
    # One step at the learning rate 0.1: w · (1 − 0.1 · 0.5). There is no gradient.
    assert weight_of(model) == pytest.approx(2.0 * 0.95)
    assert model.get_weights()[1].item() == 3.0


def test_the_average_follows_its_formula_and_is_lent_and_kept() -> None:
    weight = tf.Variable(0.0)
    average = WeightAverage([weight], 0.5)
    expected = 0.0
    for count, value in enumerate([10.0, 20.0, -4.0]):
        weight.assign(value)
        average.update()
        decay = min(0.5, (1 + count) / (10 + count))
        expected = decay * expected + (1 - decay) * value
    with average.lent():
        assert float(weight) == pytest.approx(expected, rel=1e-6)
    assert float(weight) == -4.0
    average.keep()
    assert float(weight) == pytest.approx(expected, rel=1e-6)


def test_the_average_is_validated_and_kept_also_when_resumed(tmp_path: Path) -> None:
    whole, plain = line(), line()
    history = fit(whole, points(3.0), loss=LOSS, settings=settings(4, average_decay=0.9), validation=points(3.0))
    fit(plain, points(3.0), loss=LOSS, settings=settings(4))
    assert weight_of(whole) != weight_of(plain)
    assert history[-1]["validation_loss"] == pytest.approx((weight_of(whole) - 3.0) ** 2, rel=1e-5)

    def dying(epoch: int) -> None:
        if epoch == 2:
            raise KeyboardInterrupt

    checkpoint = tmp_path / "training.npz"
    arguments = {"loss": LOSS, "settings": settings(4, average_decay=0.9), "checkpoint": checkpoint}
    with pytest.raises(KeyboardInterrupt):
        fit(line(), points(3.0), before_epoch=dying, **arguments)
    resumed = line(55.0)
    fit(resumed, points(3.0), **arguments)
    assert weight_of(resumed) == weight_of(whole)


# -------------------------------------------------------------------------------------------- selection


@pytest.mark.parametrize("in_file", [True, False])
def test_the_best_epoch_is_kept(tmp_path: Path, in_file: bool) -> None:
    """Figures are made up; the weights that were in place with the best of them are those at the end."""
    weights: list[float] = []
    scores = [0.2, 0.8, 0.5, 0.8]
    model = line()

    def figures(epoch: int, found: dict[str, float]) -> dict[str, float]:
        assert set(found) == {"loss"}
        weights.append(weight_of(model))
        return {"made_up_accuracy": scores[epoch]}

    history = fit(
        model,
        points(3.0),
        loss=LOSS,
        settings=settings(4, select_by="made_up_accuracy"),
        figures=figures,
        checkpoint=tmp_path / "training.npz" if in_file else None,
    )
    assert [figures["made_up_accuracy"] for figures in history] == scores
    assert weight_of(model) == weights[1] != weights[3]


def test_training_that_stopped_early_stays_stopped(tmp_path: Path) -> None:
    losses = [3.0, 1.0, 2.0, 1.5, 0.1, 0.1]
    arguments = {
        "loss": LOSS,
        "settings": settings(6, select_by="made_up_loss", patience=2),
        "figures": lambda epoch, found: {"made_up_loss": losses[epoch]},
        "checkpoint": tmp_path / "training.npz",
    }
    model = line()
    assert len(fit(model, points(3.0), **arguments)) == 4
    again = line(77.0)
    assert len(fit(again, points(3.0), **arguments)) == 4
    assert weight_of(again) == weight_of(model)


def test_a_figure_that_no_epoch_has_is_an_error() -> None:
    with pytest.raises(ModelError, match=r"no epoch has the figure 'validation_loss'.*there are loss"):
        fit(line(), points(3.0), loss=LOSS, settings=settings(2, select_by="validation_loss"))


@pytest.mark.parametrize(
    "changes",
    [
        {"clip_norm": 0.0},
        {"weight_decay": -1.0},
        {"average_decay": 1.0},
        {"patience": 2},
        {"patience": 0, "select_by": "loss"},
        {"clip_norm": float("nan")},
    ],
)
def test_settings_out_of_range_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=next(iter(changes))):
        settings(**changes)


def test_a_step_that_explodes_changes_nothing(tmp_path: Path) -> None:
    """One label becomes infinite in the second epoch, whose first batches have moved the weight by then."""
    model = line()
    data = Split(inputs=(np.ones((12, 1), np.float32),), labels=np.full(12, 2.0, np.float32))
    before: list[float] = []

    def spoil(epoch: int) -> None:
        before.append(weight_of(model))
        if epoch == 1:
            assert data.labels is not None
            data.labels[3] = np.inf

    with pytest.raises(ModelError, match=r"became (inf|nan) in epoch 2, step [23]: the reason; lower"):
        fit(
            model,
            data,
            loss=LOSS,
            settings=settings(3),
            before_epoch=spoil,
            explain=lambda batch: f": the reason{'' if len(batch) == 4 else '?'}",
            checkpoint=tmp_path / "training.npz",
        )
    assert weight_of(model) == before[1] != before[0]
    assert np.isfinite(before).all()


# -------------------------------------------------------------------------------------------- distillation


def test_answers_at_a_temperature_worked_by_hand() -> None:
    student, teacher = np.array([[0.0, 0.0]]), np.array([[2.0 * np.log(3.0), 0.0]])
    # At T = 2 the teacher says (3/4, 1/4), the student (1/2, 1/2).
    divergence = 0.75 * np.log(1.5) + 0.25 * np.log(0.5)
    found = answer_distance(tf.constant(student), tf.constant(teacher), scores="logits", temperature=2.0)
    assert float(found) == pytest.approx(4 * divergence)


def test_probabilities_are_their_logarithms() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(size=(2, 5, 4))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    by_logits, by_probabilities = (
        float(answer_distance(tf.constant(values[0]), tf.constant(values[1]), scores=scores, temperature=3.0))
        for values, scores in ((logits, "logits"), (probabilities, "probabilities"))
    )
    assert by_logits == pytest.approx(by_probabilities, rel=1e-6)


@pytest.mark.parametrize(("scores", "student", "teacher"), [("logits", 0.0, np.log(3.0)), ("probabilities", 0.5, 0.75)])
def test_one_output_is_two_classes(scores: Any, student: float, teacher: float) -> None:
    found = answer_distance(
        tf.constant([[student]], tf.float32), tf.constant([[teacher]], tf.float32), scores=scores, temperature=1.0
    )
    assert float(found) == pytest.approx(0.75 * np.log(1.5) + 0.25 * np.log(0.5), rel=1e-5)


def test_features_are_compared_as_a_share_of_the_teachers() -> None:
    assert float(feature_distance(tf.constant([1.0, 2.0]), tf.constant([2.0, 4.0]))) == pytest.approx(2.5 / 10)


def test_a_student_follows_its_teacher_against_the_labels() -> None:
    student, teacher = line(), line(-2.0)
    distillation = Distillation(teacher=teacher, scores="values", weight=1.0)
    history = fit(student, points(3.0), loss=LOSS, settings=settings(150), distillation=distillation)
    assert weight_of(student) == pytest.approx(-2.0, abs=0.3)
    assert weight_of(teacher) == -2.0
    # What is reported is the loss of the labels.
    assert history[-1]["loss"] == pytest.approx(25.0, rel=0.15)


def test_features_alone_teach() -> None:
    student, teacher = line(name="hidden"), line(4.0, name="hidden")
    distillation = Distillation(teacher=teacher, scores="values", weight=0.0, features=("hidden",), feature_weight=1e4)
    fit(student, points(0.0), loss=LOSS, settings=settings(150), distillation=distillation)
    assert weight_of(student) == pytest.approx(4.0, abs=0.3)


def test_a_feature_that_is_no_layer_is_named() -> None:
    distillation = Distillation(teacher=line(), scores="values", features=("absent",))
    with pytest.raises(ModelError, match=r"no layer 'absent' to distil; it has image, line"):
        fit(line(), points(0.0), loss=LOSS, settings=settings(), distillation=distillation)
    with pytest.raises(SettingsError, match="weight from 0 to 1"):
        Distillation(teacher=line(), scores="values", weight=2.0)
