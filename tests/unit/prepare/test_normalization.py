"""Normalization layers taken apart: every argument, and what must not be there any more."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tf_keras

from qat_kit.errors import UnsupportedLayerError
from qat_kit.layers import RMSNormalization
from qat_kit.prepare import prepare
from tests.support.models import chain, model_of

L = tf_keras.layers


def kinds(model: tf_keras.Model) -> list[str]:
    return [type(layer).__name__ for layer in model.layers]


@pytest.mark.parametrize("width", [6, 70])
@pytest.mark.parametrize(
    "make",
    [
        lambda: L.LayerNormalization(epsilon=0.3),
        lambda: L.LayerNormalization(axis=(1, 2), center=False),
        lambda: L.LayerNormalization(axis=1, scale=False),
        lambda: RMSNormalization(epsilon=0.3),
        lambda: RMSNormalization(axis=(1, 2)),
        lambda: L.GroupNormalization(2, epsilon=0.3),
        lambda: L.GroupNormalization(-1, center=False),
        lambda: L.GroupNormalization(1, scale=False),
        lambda: L.UnitNormalization(axis=(1, 2)),
        lambda: L.UnitNormalization(axis=1),
    ],
)
def test_outputs_stay(make: Any, width: int) -> None:
    model = model_of(chain(make()), (4, width))
    prepared = prepare(model).model
    values = np.random.default_rng(0).normal(0.3, 1.0, (3, 4, width)).astype(np.float32)
    np.testing.assert_allclose(prepared(values), model(values), atol=1e-5)
    assert not {"LayerNormalization", "RMSNormalization", "GroupNormalization", "UnitNormalization"} & {
        *kinds(prepared)
    }


def test_few_values_take_the_operator_with_a_fixed_scale_and_many_a_product() -> None:
    few, many = (kinds(prepare(model_of(chain(L.LayerNormalization()), (3, size))).model) for size in (64, 65))
    assert "L2Normalize" in few
    assert "MatMul" not in few
    assert "MatMul" in many
    assert "L2Normalize" not in many


def test_a_kernel_before_it_is_centred_and_gamma_goes_into_the_kernel_behind() -> None:
    prepared = prepare(model_of(chain(L.Dense(8, name="before"), L.LayerNormalization(), L.Dense(3)), (6,))).model
    assert kinds(prepared) == ["InputLayer", "Dense", "AppendConstant", "L2Normalize", "StridedSlice", "Dense"]
    kernel, bias = prepared.get_layer("before").get_weights()
    np.testing.assert_allclose(kernel.mean(axis=1), 0.0, atol=1e-7)
    assert abs(bias.mean()) < 1e-7


def test_a_kernel_that_others_read_is_left_alone() -> None:
    def build(value: Any) -> Any:
        dense = L.Dense(8, name="before")(value)
        return L.Add()([dense, L.LayerNormalization()(dense)])

    prepared = prepare(model_of(build, (6,))).model
    assert {"Reduce", "Subtract"} <= {*kinds(prepared)}


def test_group_norm_along_another_axis_is_refused() -> None:
    with pytest.raises(UnsupportedLayerError, match="axis=1"):
        prepare(model_of(chain(L.GroupNormalization(2, axis=1)), (4, 6)))


def test_a_kernel_in_groups_is_not_centred() -> None:
    """Its outputs see other inputs each, so that their mean is no output of a kernel."""
    model = model_of(chain(L.Conv2D(6, 3, groups=2), L.LayerNormalization()), (4, 4, 4))
    assert {"Reduce", "Subtract"} <= {*kinds(prepare(model).model)}
