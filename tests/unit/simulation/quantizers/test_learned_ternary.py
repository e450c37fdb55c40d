"""Learned ternary weights: forward and gradient against NumPy, the sides under a fold, and what a file holds."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from qat_kit.schemes import get_scheme
from qat_kit.simulation.quantizers import LearnedTernaryWeightQuantizer, weight_quantizer
from tests.support.quantizers import KERNELS, built, kernel_of


def expected(
    channels: np.ndarray, above: np.ndarray, below: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(weights on their grid, +1 where P and −1 where −N, the slope of each weight, scale) of [other, channels]."""
    largest = np.abs(channels).max(axis=0)
    sides = np.where(channels > np.float32(0.05) * largest, 1, np.where(channels < -np.float32(0.05) * largest, -1, 0))
    scale = (np.maximum(above, below) / np.float32(127)).astype(np.float32)
    codes = np.select([sides > 0, sides < 0], [np.rint(above / scale), -np.rint(below / scale)], 0)
    slope = np.select([sides > 0, sides < 0], [above, below], 1) / largest
    return codes.astype(np.float32) * scale, sides, slope, scale


@pytest.mark.parametrize("kind", KERNELS)
def test_forward_and_gradient_are_those_of_the_paper(kind: str) -> None:
    kernel, axes = kernel_of(kind)
    quantizer = LearnedTernaryWeightQuantizer(axes)
    weights = built(quantizer, kernel)
    shape = weights["negative_factor"].shape
    weights["negative_factor"].assign(np.linspace(0.3, 1.6, int(np.prod(shape))).reshape(shape))
    above, below = (quantizer.channels_last(level.numpy())[0] for level in quantizer.levels(weights))
    upstream = np.random.default_rng(2).normal(size=kernel.shape).astype(np.float32)
    variable = tf.Variable(kernel)
    factors = [weights["positive_factor"], weights["negative_factor"]]
    with tf.GradientTape() as tape:
        on_grid = quantizer(variable, None, weights)
        loss = tf.reduce_sum(on_grid * upstream)
    to_kernel, *to_factors = tape.gradient(loss, [variable, *factors])

    values, sides, slope, scale = expected(quantizer.channels_last(kernel), above, below)
    np.testing.assert_array_equal(quantizer.channels_last(on_grid.numpy()), values)
    arriving = quantizer.channels_last(upstream)
    np.testing.assert_allclose(quantizer.channels_last(to_kernel.numpy()), arriving * slope, rtol=1e-5)
    for found, side, name in zip(to_factors, (1, -1), ("positive_unit", "negative_unit"), strict=True):
        wanted = side * np.where(sides == side, arriving, 0).sum(axis=0)
        unit = quantizer.channels_last(weights[name].numpy())[0]
        np.testing.assert_allclose(quantizer.channels_last(found.numpy())[0], wanted * unit, rtol=1e-4, atol=1e-5)
    params = quantizer.params(kernel, weights)
    assert params is not None
    np.testing.assert_array_equal(params.scale, scale)
    codes = values / scale
    np.testing.assert_allclose(codes, np.rint(codes), atol=1e-4)
    assert max(len(np.unique(np.rint(channel))) for channel in codes.T) == 3


def test_levels_begin_at_the_mean_magnitude_of_their_side() -> None:
    kernel = np.array([[2.0], [4.0], [0.1], [-1.0]], np.float32)
    quantizer = LearnedTernaryWeightQuantizer((1,))
    weights = built(quantizer, kernel)
    assert [level.numpy().item() for level in quantizer.levels(weights)] == [3.0, 1.0]
    # −1 is the code 42 of a step of 3 / 127.
    found = quantizer(tf.constant(kernel), None, weights).numpy()[:, 0]
    np.testing.assert_allclose(found, [3.0, 3.0, 0.0, -42 * 3 / 127], rtol=1e-6)


def test_a_negative_factor_turns_the_sides_round() -> None:
    kernel = np.array([[2.0, 2.0], [4.0, 4.0], [0.1, 0.1], [-1.0, -1.0]], np.float32)
    quantizer = LearnedTernaryWeightQuantizer((1,))
    old, new = built(quantizer, kernel), built(quantizer, kernel)
    factor = np.array([[-2.0, 0.5]], np.float32)
    quantizer.carry_over(old, new, factor)
    before, after = (
        quantizer(tf.constant(values), None, weights).numpy()
        for values, weights in ((kernel, old), (kernel * factor, new))
    )
    np.testing.assert_allclose(after, before * factor, rtol=1e-6)


def test_the_scheme_chooses_it() -> None:
    learned = get_scheme("ternary_a8").trained_by(weight_ranges="learned_step")
    assert isinstance(weight_quantizer(learned, (1,)), LearnedTernaryWeightQuantizer)
    assert not isinstance(weight_quantizer(get_scheme("ternary_a8"), (1,)), LearnedTernaryWeightQuantizer)
