"""Remedies for a planted fault: the layer is found, and what mends it brings what it should."""

from __future__ import annotations

import numpy as np
import pytest
import tf_keras
from tf_keras import layers

from qat_kit.debug.trying import ESTIMATORS, try_remedies
from qat_kit.debug.twin import FLOAT, Treatment, Twin, treating
from qat_kit.errors import DataError
from qat_kit.numerics import choose_qparams
from qat_kit.prepare import prepare
from qat_kit.simulation import simulate
from qat_kit.simulation.walk import quantized_layers
from tests.support.models import randomized


def samples(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 8, 8, 2)).astype(np.float32)


@pytest.fixture(scope="module")
def pair() -> tuple[tf_keras.Model, tf_keras.Model]:
    """(float, simulated): the range of `second` is 16 times as wide as its values, which costs it four bits."""
    parts = [
        tf_keras.Input((8, 8, 2), name="image"),
        layers.Conv2D(6, 3, activation="relu", name="first"),
        layers.Conv2D(6, 3, name="second"),
        layers.Conv2D(6, 3, activation="relu", name="third"),
        layers.GlobalAveragePooling2D(name="mean"),
        layers.Dense(3, name="logits"),
    ]
    prepared = prepare(randomized(tf_keras.Sequential(parts, name="net")))
    qat = simulate(prepared, [[samples(64, 1)]]).model
    second = next(layer for layer in quantized_layers(qat) if layer.name == "second")
    quantizer = second.quantize_config.output_quantizer
    right = quantizer.params(second.output_range)
    quantizer.assign(second.output_range, choose_qparams(16 * right.minimum, 16 * right.maximum, quantizer.spec))
    return prepared.model, qat


@pytest.fixture
def model(pair: tuple[tf_keras.Model, tf_keras.Model]) -> tf_keras.Model:
    return pair[1]


def test_the_layer_whose_range_is_wrong_costs_most_and_is_mended(model: tf_keras.Model) -> None:
    found = try_remedies(model, [[samples(16, 2)]], calibration=[[samples(32, 3)]], num_layers=1)
    assert next(iter(found.costs_db)) == "second"
    assert found.num_samples == 16
    # Activations lose it, not weights.
    split = found.split
    assert split.activations_only_db < split.weights_only_db - 10
    assert split.both_db == pytest.approx(split.activations_only_db, abs=1)
    gains = {(trial.layer, trial.change): trial.gain_db for trial in found.trials}
    assert {(("", f"ranges by {each}")) for each in ESTIMATORS} <= gains.keys()
    assert gains["second", "range by min_max"] > 10
    assert gains["second", "range by min_max"] == pytest.approx(found.costs_db["second"], abs=2)
    assert gains["second", "float"] == found.costs_db["second"]
    assert gains["second", "float weights"] < 1
    assert all(trial.sqnr_db == pytest.approx(split.both_db + trial.gain_db) for trial in found.trials)
    assert [trial.gain_db for trial in found.trials] == sorted(gains.values(), reverse=True)
    assert all(trial.how for trial in found.trials)


def test_the_twin_without_quantizers_is_the_float_model(pair: tuple[tf_keras.Model, tf_keras.Model]) -> None:
    plain, simulated = pair
    images = samples(8, 5)
    (reference,) = Twin(simulated, [[images]]).reference
    np.testing.assert_allclose(reference, plain(images, training=False).numpy(), rtol=1e-5, atol=1e-6)


def test_the_twin_as_it_is_trained_is_the_model(model: tf_keras.Model) -> None:
    images = samples(8, 4)
    twin = Twin(model, [[images[:3]], [images[3:]]])
    (answers,) = twin.run(treating({}))
    np.testing.assert_array_equal(answers, model(images, training=False).numpy())
    (without,) = twin.run(lambda layer: FLOAT)
    np.testing.assert_array_equal(without, twin.reference[0])
    assert twin.sqnr_db(lambda layer: FLOAT) == np.inf
    # A layer's own parameters, given by hand, change nothing.
    second = next(layer for layer in twin.layers if layer.name == "second")
    own = second.quantize_config.output_quantizer.params(second.output_range)
    (same,) = twin.run(treating({"second": Treatment(params=own)}))
    np.testing.assert_array_equal(same, answers)


def test_a_model_without_quantizers_is_refused() -> None:
    plain = tf_keras.Sequential([tf_keras.Input((4,)), layers.Dense(2)])
    with pytest.raises(DataError, match=r"no quantizers: give the qat.keras of a run"):
        try_remedies(plain, [[np.zeros((2, 4), np.float32)]], calibration=[[np.zeros((2, 4), np.float32)]])
