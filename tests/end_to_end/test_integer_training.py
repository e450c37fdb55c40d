"""Training on the device's integers, end to end: what the loaded model answers is what the file answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qat_kit.convert.job import Job
from qat_kit.convert.worker import run as convert
from qat_kit.datasets import load_digits
from qat_kit.errors import SchemeError
from qat_kit.keras_models import load_model, predict, save_model
from qat_kit.litert.interpreter import Interpreter
from qat_kit.numerics import fake_quantize
from qat_kit.prepare import prepare
from qat_kit.qat import train
from qat_kit.recipe import load_recipe
from qat_kit.run import QAT_KERAS, run
from qat_kit.simulation import export_simulated, simulate
from qat_kit.training import TrainingSettings, fit, loss_for

RECIPE = load_recipe("digits")


def assert_equal_on_the_whole_test_set(saved: Path, file: Path) -> float:
    """0 LSB on xnnpack; returns the accuracy that both have."""
    test = load_digits().test
    interpreter = Interpreter(file, kernel_set="xnnpack")
    params = interpreter.inputs[0].params
    assert params is not None
    images = fake_quantize(test.inputs[0], params)
    trained = predict(load_model(saved), replace(test, inputs=(images,)))
    assert len(trained) == 360
    np.testing.assert_array_equal(trained, interpreter.run_real(images))
    return float(np.mean(np.argmax(trained, axis=1) == test.labels))


def test_digits_trained_on_integers_equal_their_file_on_the_whole_test_set(tmp_path: Path) -> None:
    data, loss = load_digits(), loss_for("classification", "logits")
    model = RECIPE.build_model(RECIPE.settings)
    fit(model, data.train, loss=loss, settings=TrainingSettings(epochs=2))
    calibration = list(data.calibration.batches(128))
    qat = simulate(prepare(model), calibration, forward="integer", kernel_set="xnnpack")
    before = [weight.numpy() for weight in qat.model.trainable_weights]
    qat, history = train(
        qat, data.train, calibration=calibration, loss=loss, settings=TrainingSettings(epochs=2, warm_up_epochs=0.0)
    )
    assert history[1]["loss"] < history[0]["loss"]
    for old, new in zip(before, qat.model.trainable_weights, strict=True):
        assert np.any(old != new.numpy())

    save_model(qat.model, tmp_path / "qat.keras")
    export_simulated(qat.model, tmp_path / "saved_model")
    convert(Job(saved_model=tmp_path / "saved_model", output=tmp_path / "model.tflite", mode="int8_from_qat"))
    assert assert_equal_on_the_whole_test_set(tmp_path / "qat.keras", tmp_path / "model.tflite") > 0.8


@pytest.mark.slow
def test_a_run_with_the_setting(tmp_path: Path) -> None:
    changes = {"epochs": 3, "qat_epochs": 1, "num_latency_runs": 10, "forward": "integer"}
    result = run(replace(RECIPE, settings=RECIPE.settings.changed(changes)), tmp_path / "run")
    assert assert_equal_on_the_whole_test_set(result.folder / QAT_KERAS, result.artifact.path) > 0.8
    accuracies = [result.measurement[name].quality.accuracy for name in ("qat_simulated", "int8_tflite")]
    assert accuracies[0] == accuracies[1]


def test_a_run_refuses_what_integers_cannot_have_before_it_trains(tmp_path: Path) -> None:
    changes = {"forward": "integer", "scheme": "w8a16"}
    with pytest.raises(SchemeError, match="RangeQuantizer with 16 bits has no integer forward pass"):
        run(replace(RECIPE, settings=RECIPE.settings.changed(changes)), tmp_path / "run")
