"""Ternary, binary, power-of-two, APoT and codebook weights against numerics: forward to the bit, and the gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from qat_kit.numerics.nonuniform import (
    Encoded,
    binary_gradient,
    encode_apot,
    encode_binary,
    encode_codebook,
    encode_power_of_two,
    encode_ternary,
)
from qat_kit.simulation.quantizers import (
    BinaryWeightQuantizer,
    CodebookWeightQuantizer,
    ShiftWeightQuantizer,
    TernaryWeightQuantizer,
    WeightQuantizer,
)
from tests.support.quantizers import KERNELS, built, kernel_of

Axes = tuple[int, ...]
Make = Callable[[Axes], WeightQuantizer]
Encode = Callable[[np.ndarray], Encoded]

CASES: dict[str, tuple[Make, Encode]] = {
    "ternary": (TernaryWeightQuantizer, lambda x: encode_ternary(x, axis=1)),
    "binary": (BinaryWeightQuantizer, lambda x: encode_binary(x, axis=1)),
    **{
        f"power of two, {bits} bits": (
            lambda axes, bits=bits: ShiftWeightQuantizer(axes, level_bits=bits, additive=False),
            lambda x, bits=bits: encode_power_of_two(x, num_bits=bits, axis=1),
        )
        for bits in (2, 3, 4)
    },
    **{
        f"additive, {bits} bits": (
            lambda axes, bits=bits: ShiftWeightQuantizer(axes, level_bits=bits, additive=True),
            lambda x, bits=bits: encode_apot(x, num_bits=bits, axis=1),
        )
        for bits in (3, 4, 5)
    },
    **{
        f"codebook, {bits} bits": (
            lambda axes, bits=bits: CodebookWeightQuantizer(axes, level_bits=bits),
            lambda x, bits=bits: encode_codebook(x, num_bits=bits, axis=1),
        )
        for bits in (1, 3, 4)
    },
}


@pytest.mark.parametrize("kind", KERNELS)
@pytest.mark.parametrize("case", CASES)
def test_weights_and_parameters_are_those_of_numerics(case: str, kind: str) -> None:
    make, encode = CASES[case]
    kernel, axes = kernel_of(kind)
    quantizer = make(axes)
    weights = built(quantizer, kernel)
    encoded = encode(quantizer.channels_last(kernel))
    result = quantizer.channels_last(quantizer(tf.constant(kernel), None, weights).numpy())
    np.testing.assert_array_equal(result, encoded.grid.astype(np.float32) * encoded.scale)
    params = quantizer.params(kernel, weights)
    assert params is not None
    np.testing.assert_array_equal(params.scale, encoded.scale)
    np.testing.assert_array_equal(np.rint(result / params.scale), encoded.grid)


@pytest.mark.parametrize("case", [case for case in CASES if case != "binary"])
def test_the_gradient_passes_straight_through(case: str) -> None:
    make, _ = CASES[case]
    kernel, axes = kernel_of("conv")
    assert (gradient(make(axes), kernel) == upstream(kernel)).all()


@pytest.mark.parametrize("estimator", ["straight_through", "approximate_sign"])
def test_the_gradient_of_a_sign_is_its_estimator(estimator: Any) -> None:
    kernel, axes = kernel_of("dense")
    kernel = np.concatenate([kernel / np.abs(kernel).max(axis=0) * 1.5, [[-1.0, 0.0, 1.0, 1.1, -1.1, 0.5]]])
    found = gradient(BinaryWeightQuantizer(axes, gradient=estimator), kernel.astype(np.float32))
    expected = binary_gradient(kernel.astype(np.float32), upstream(kernel), estimator=estimator)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)
    assert 0 < np.count_nonzero(found) < found.size


def test_a_codebook_moves_only_when_it_is_measured() -> None:
    kernel, axes = kernel_of("conv")
    quantizer = CodebookWeightQuantizer(axes, level_bits=3)
    weights = built(quantizer, kernel)
    levels = weights["levels"].numpy().copy()
    other = np.abs(kernel) ** 2 * np.sign(kernel)
    quantizer(tf.constant(other), None, weights)
    np.testing.assert_array_equal(weights["levels"], levels)
    quantizer.initialize(other, weights)
    assert (weights["levels"].numpy() != levels).any()


@pytest.mark.parametrize("case", CASES)
def test_a_channel_of_zeros_stays_finite(case: str) -> None:
    make, _ = CASES[case]
    kernel, axes = kernel_of("dense")
    kernel[:, 1] = 0
    quantizer = make(axes)
    result = quantizer(tf.constant(kernel), None, built(quantizer, kernel)).numpy()
    assert np.isfinite(result).all()
    assert np.abs(result[:, 1]).max() < 1e-35


@pytest.mark.parametrize("case", CASES)
def test_a_quantizer_survives_its_configuration(case: str) -> None:
    quantizer = CASES[case][0]((2, 3))
    again = type(quantizer).from_config(quantizer.get_config())
    assert again.get_config() == quantizer.get_config()


def upstream(kernel: np.ndarray) -> np.ndarray:
    return np.random.default_rng(2).normal(0, 1, kernel.shape).astype(np.float32)


def gradient(quantizer: WeightQuantizer, kernel: np.ndarray) -> np.ndarray:
    variable, weights = tf.Variable(kernel), built(quantizer, kernel)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(quantizer(variable, None, weights) * upstream(kernel))
    return tape.gradient(loss, variable).numpy()
