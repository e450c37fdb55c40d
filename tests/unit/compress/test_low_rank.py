"""Low rank: kernels whose rank is known, budgets, what is left alone, and a file that is fully int8 in the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tf_keras
from tf_keras import layers

from qat_kit.compress import factorize_layers, factorize_quantized
from qat_kit.convert import convert
from qat_kit.errors import QatKitError, SettingsError, UnknownNameError
from qat_kit.prepare import prepare
from qat_kit.results import PreparedModel
from qat_kit.simulation import export_simulated, simulate, trained_tensors
from qat_kit.verify import verify
from tests.support import models
from tests.support.models import IMAGE, chain, conv, model_of


def dense_net() -> tf_keras.Model:
    """The first kernel, 20 by 16, has rank 2; the second is 16 by 12, the third 12 by 3."""
    parts = [layers.Dense(16, name="first", activation="relu"), layers.Dense(12, name="second"), layers.ReLU()]
    model = model_of(chain(*parts, layers.Dense(3, name="scores")), (20,))
    with_rank(model.get_layer("first"), 2)
    return model


def with_rank(layer: Any, rank: int) -> None:
    """Gives a layer a kernel of this rank."""
    shape = tuple(layer.kernel.shape)
    random = np.random.default_rng(5)
    product = random.normal(size=(shape[-2], rank)) @ random.normal(size=(rank, shape[-1]))
    layer.kernel.assign(product.reshape(shape) / np.sqrt(shape[-2]))


@pytest.fixture(scope="module")
def prepared() -> PreparedModel:
    return prepare(dense_net())


def test_a_matrix_of_rank_2_gets_rank_2(prepared: PreparedModel) -> None:
    found = factorize_layers(prepared, energy=1 - 1e-9)
    assert {name: layer.rank for name, layer in found.factorized.items()} == {"first": 2}
    assert found.factorized["first"].full_rank == 16
    assert found.left == {"second": 12, "scores": 3}
    assert models.largest_difference(prepared.model, found.prepared.model) <= 1e-5
    assert found.num_parameters_before == 20 * 16 + 16 + 16 * 12 + 12 + 12 * 3 + 3
    assert found.num_parameters_after == 2 * (20 + 16) + 16 + 16 * 12 + 12 + 12 * 3 + 3
    model = found.prepared.model
    assert model.count_params() == found.num_parameters_after
    assert [weight.shape.as_list() for weight in model.get_layer("first_factor").weights] == [[20, 2]]
    assert model.output_names == prepared.model.output_names
    assert found.prepared.origins["first_factor"] == found.prepared.origins["first"] == ("first",)


def test_what_a_rank_loses_is_what_its_energy_says(prepared: PreparedModel) -> None:
    found = factorize_layers(prepared, rank={"second": 4})
    kernel = prepared.model.get_layer("second").kernel.numpy()
    model = found.prepared.model
    product = model.get_layer("second_factor").kernel.numpy() @ model.get_layer("second").kernel.numpy()
    lost = np.sum((kernel - product) ** 2) / np.sum(kernel**2)
    np.testing.assert_allclose(found.factorized["second"].kept_energy, 1 - lost, rtol=1e-5)
    assert 0.1 < lost < 0.9
    np.testing.assert_array_equal(model.get_layer("second").bias, prepared.model.get_layer("second").bias)
    assert list(found.factorized) == ["second"]
    assert not found.left


def test_ranks_are_rounded_up(prepared: PreparedModel) -> None:
    found = factorize_layers(prepared, energy=1 - 1e-9, rank_multiple=8)
    assert found.factorized["first"].rank == 8
    assert factorize_layers(prepared, rank=3, rank_multiple=4).factorized["second"].rank == 4


@pytest.mark.parametrize("budget", [578, 500, 331, 250])
@pytest.mark.parametrize("multiple", [1, 2])
def test_a_budget_is_kept(prepared: PreparedModel, budget: int, multiple: int) -> None:
    found = factorize_layers(prepared, max_parameters=budget, rank_multiple=multiple)
    assert found.prepared.model.count_params() == found.num_parameters_after <= budget
    assert all(layer.rank % multiple == 0 for layer in found.factorized.values())


@pytest.mark.parametrize("budget", [300, 250, 200, 110])
def test_a_budget_is_used(prepared: PreparedModel, budget: int) -> None:
    """To keep any more of the energy of the layer that lost most breaks it."""
    found = factorize_layers(prepared, max_parameters=budget)
    assert found.num_parameters_after <= budget
    poorest = min(layer.kept_energy for layer in found.factorized.values())
    assert factorize_layers(prepared, energy=poorest + 1e-6).num_parameters_after > budget


def test_a_budget_that_is_met_already_changes_nothing(prepared: PreparedModel) -> None:
    found = factorize_layers(prepared, max_parameters=int(prepared.model.count_params()))
    assert not found.factorized
    assert list(found.left) == ["first", "second", "scores"]
    assert models.largest_difference(prepared.model, found.prepared.model) == 0.0


def test_a_pointwise_convolution_keeps_its_strides() -> None:
    pointwise = layers.Conv2D(12, 1, strides=2, padding="same", name="pointwise")
    model = model_of(chain(conv(10, name="conv"), layers.ReLU(), pointwise, layers.ReLU()), IMAGE)
    with_rank(model.get_layer("pointwise"), 3)
    prepared = prepare(model)
    found = factorize_layers(prepared, energy=1 - 1e-9)
    assert {name: layer.rank for name, layer in found.factorized.items()} == {"pointwise": 3}
    assert models.largest_difference(prepared.model, found.prepared.model) <= 1e-5
    assert [found.prepared.model.get_layer(name).strides for name in ("pointwise_factor", "pointwise")] == [
        (2, 2),
        (1, 1),
    ]


def test_a_shared_layer_stays_shared_and_counts_once() -> None:
    shared = layers.Dense(8, name="shared", use_bias=False)
    model = model_of(chain(layers.Dense(8, name="in"), shared, layers.ReLU(), shared, layers.ReLU()), (8,))
    with_rank(shared, 1)
    prepared = prepare(model)
    found = factorize_layers(prepared, rank=1, layers=["shared"])
    assert models.largest_difference(prepared.model, found.prepared.model) <= 1e-5
    assert found.num_parameters_before - found.num_parameters_after == 64 - 16
    assert not found.prepared.model.get_layer("shared").use_bias


def test_factors_for_few_bits_lie_on_their_grid(prepared: PreparedModel) -> None:
    found = factorize_layers(prepared, rank={"second": 5}, weight_bits=4)
    kernel = prepared.model.get_layer("second").kernel.numpy()
    expected = factorize_quantized(kernel, rank=5, num_bits=4)
    model = found.prepared.model
    np.testing.assert_array_equal(model.get_layer("second_factor").kernel, expected.first.astype(np.float32))
    np.testing.assert_array_equal(model.get_layer("second").kernel, expected.second.astype(np.float32))


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"rank": 0}, SettingsError, r"layer 'first': its matrix is 20 by 16, so a rank is 1 to 16; received 0"),
        ({"rank": 17}, SettingsError, r"layer 'first': .* received 17"),
        ({"rank": {"second": 13}}, SettingsError, r"layer 'second': .* 16 by 12, so a rank is 1 to 12; received 13"),
        ({"energy": 0.0}, SettingsError, r"above 0 to 1; received 0\.0"),
        ({"energy": 1.5}, SettingsError, r"received 1\.5"),
        ({"energy": float("nan")}, SettingsError, r"received nan"),
        (
            {"max_parameters": 109},
            SettingsError,
            r"max_parameters=109 cannot be kept: .* has 110 parameters \(now 579\)",
        ),
        ({"rank": {"secnd": 2}}, UnknownNameError, r"no layer named 'secnd'; did you mean 'second'"),
        ({"rank": 2, "layers": ["firs"]}, UnknownNameError, r"did you mean 'first'"),
        ({"rank": 2, "layers": ["image"]}, SettingsError, r"layer 'image' \(InputLayer\) has no matrix to factorize"),
        ({"rank": {"first": 2}, "layers": ["first"]}, SettingsError, r"leave `layers` out"),
        ({}, SettingsError, r"give one of rank, energy, max_parameters; received none"),
        ({"rank": 2, "energy": 0.5}, SettingsError, r"received rank and energy"),
        ({"rank": 2, "rank_multiple": 0}, SettingsError, r"rank_multiple must be 1 or more, received 0"),
    ],
)
def test_what_cannot_be_is_refused(
    prepared: PreparedModel, settings: dict[str, Any], error: type[QatKitError], message: str
) -> None:
    with pytest.raises(error, match=message):
        factorize_layers(prepared, **settings)


def test_the_file_is_fully_int8(prepared: PreparedModel, tmp_path: Path) -> None:
    found = factorize_layers(prepared, rank={"first": 2, "second": 5}, weight_bits=8)
    qat = simulate(found.prepared, [models.samples(prepared.model, 64)])
    saved = export_simulated(qat.model, tmp_path / "saved_model")
    path = convert(saved, tmp_path / "model.tflite", mode="int8_from_qat")
    trained = trained_tensors(qat.model)
    assert {"first_factor", "first", "second_factor", "second", "scores"} <= set(found.prepared.origins)
    certificate = verify(path, expected=trained, layers=tuple(found.prepared.origins))
    assert certificate.passed, certificate
