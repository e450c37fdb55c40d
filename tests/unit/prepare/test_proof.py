"""When two models count as one, in float32."""

from __future__ import annotations

import numpy as np
import pytest
import tf_keras

from qat_kit.errors import ModelError
from qat_kit.prepare.proof import prove_same_outputs, require_same_in_float32
from tests.support.models import chain, model_of

L = tf_keras.layers


def coarse() -> tf_keras.Model:
    """x, to the 1e-3 that float32 leaves of it beside 1e4."""
    return model_of(chain(L.Rescaling(1.0, offset=1e4), L.Rescaling(1.0, offset=-1e4)), (6,))


def scaled(factor: float) -> tf_keras.Model:
    return model_of(chain(L.Rescaling(factor)), (6,))


def test_a_model_that_is_nearer_to_float64_than_the_original_is_the_same() -> None:
    prove_same_outputs(coarse(), scaled(1.0), "mending it")


@pytest.mark.parametrize(
    ("before", "factor"), [(scaled(1.0), 1.0001), (coarse(), 1.01)], ids=["exact original", "coarse original"]
)
def test_one_that_is_further_off_is_not(before: tf_keras.Model, factor: float) -> None:
    with pytest.raises(ModelError, match=r"spoiling it changed its output .* by"):
        prove_same_outputs(before, scaled(factor), "spoiling it")


def test_an_original_far_from_float64_was_not_made_again_as_it_is_and_excuses_nothing() -> None:
    old, new = np.array([1.0, 0.5]), np.array([1.0, 0.4])
    with pytest.raises(ModelError, match=r"out 1\.0e-01 of its range; expected at most 1\.0e-05"):
        require_same_in_float32(
            [old], [new], lambda: [new], names=["out"], error=lambda name, told: ModelError(f"{name} {told}")
        )


def test_another_shape_is_another_output() -> None:
    with pytest.raises(ModelError, match=r"cutting it changed its output .* by inf"):
        prove_same_outputs(coarse(), model_of(chain(L.Dense(5)), (6,)), "cutting it")
