"""Learned and least-squares steps against numerics: forward and gradient, channel by channel."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf

from qat_kit.numerics import TensorSpec, least_squares_range
from qat_kit.numerics.activations import lsq, lsq_gradient, lsq_gradient_scale
from qat_kit.simulation.quantizers import (
    LearnedStepWeightQuantizer,
    LeastSquaresWeightQuantizer,
    PowerOfTwoStepWeightQuantizer,
    UniformWeightQuantizer,
)
from tests.support.quantizers import KERNELS, Variables, built, kernel_of

QUANTIZERS = (LeastSquaresWeightQuantizer, LearnedStepWeightQuantizer, PowerOfTwoStepWeightQuantizer)


def spec(num_bits: int) -> TensorSpec:
    return TensorSpec(num_bits=num_bits, symmetric=True, narrow_range=True)


def steps_of(quantizer: UniformWeightQuantizer, kernel: np.ndarray, weights: dict) -> np.ndarray:
    """The step of each channel, in the order of `channels_last`."""
    return quantizer.channels_last(quantizer.scale(tf.constant(kernel), weights).numpy())[0]


@pytest.mark.parametrize("num_bits", [8, 4, 2])
@pytest.mark.parametrize("kind", KERNELS)
@pytest.mark.parametrize("quantizer_class", QUANTIZERS)
def test_the_forward_pass_is_that_of_lsq(quantizer_class: type, kind: str, num_bits: int) -> None:
    kernel, axes = kernel_of(kind)
    quantizer = quantizer_class(axes, num_bits=num_bits)
    weights = built(quantizer, kernel)
    result = quantizer.channels_last(quantizer(tf.constant(kernel), None, weights).numpy())
    flat, steps = quantizer.channels_last(kernel), steps_of(quantizer, kernel, weights)
    for channel, step in enumerate(steps):
        expected = lsq(flat[:, channel], float(step), spec(num_bits))
        np.testing.assert_array_equal(np.rint(result[:, channel] / step), np.rint(expected / step))
    params = quantizer.params(kernel, weights)
    assert params is not None
    np.testing.assert_array_equal(params.scale, steps)


@pytest.mark.parametrize("num_bits", [8, 4, 2])
@pytest.mark.parametrize("kind", KERNELS)
@pytest.mark.parametrize("quantizer_class", QUANTIZERS)
def test_the_gradient_is_that_of_lsq(quantizer_class: type, kind: str, num_bits: int) -> None:
    kernel, axes = kernel_of(kind)
    quantizer = quantizer_class(axes, num_bits=num_bits)
    weights = built(quantizer, kernel)
    # Steps that clip something, so that both branches of the gradient are seen.
    for variable in weights.values():
        if variable.name.startswith("kernel_step") and "unit" not in variable.name:
            variable.assign(variable * 0.6)
    variable = tf.Variable(kernel)
    upstream = np.random.default_rng(2).normal(0, 1, kernel.shape).astype(np.float32)
    trainable = [weight for weight in weights.values() if weight.trainable]
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(quantizer(variable, None, weights) * upstream)
    to_kernel, *to_weights = tape.gradient(loss, [variable, *trainable])
    flat, flat_upstream = quantizer.channels_last(kernel), quantizer.channels_last(upstream)
    for channel, step in enumerate(steps_of(quantizer, kernel, weights)):
        expected, to_step = lsq_gradient(flat[:, channel], float(step), spec(num_bits), flat_upstream[:, channel])
        np.testing.assert_allclose(quantizer.channels_last(to_kernel.numpy())[:, channel], expected, rtol=1e-6)
        if quantizer_class is LearnedStepWeightQuantizer:
            unit = quantizer.channels_last(weights["unit"].numpy())[0, channel]
            to_step *= lsq_gradient_scale(len(flat), spec(num_bits)) * unit
        if quantizer_class is PowerOfTwoStepWeightQuantizer:
            to_step *= step * math.log(2)
        if to_weights:
            found = quantizer.channels_last(to_weights[0].numpy())[0, channel]
            assert float(found) == pytest.approx(float(to_step), rel=1e-3, abs=1e-4 * float(step))
    assert len(to_weights) == (0 if quantizer_class is LeastSquaresWeightQuantizer else 1)


@pytest.mark.parametrize("num_bits", [8, 4, 3, 2])
def test_steps_start_at_the_least_squared_error(num_bits: int) -> None:
    kernel, axes = kernel_of("conv")
    for quantizer_class in (LeastSquaresWeightQuantizer, LearnedStepWeightQuantizer):
        quantizer = quantizer_class(axes, num_bits=num_bits)
        weights = built(quantizer, kernel)
        _, high = least_squares_range(quantizer.channels_last(kernel), quantizer.spec, axis=1)
        highest = 2 ** (num_bits - 1) - 1
        np.testing.assert_allclose(steps_of(quantizer, kernel, weights) * highest, high, rtol=1e-6)


def test_power_of_two_steps_are_powers_of_two_above_the_threshold() -> None:
    kernel, axes = kernel_of("dense")
    quantizer = PowerOfTwoStepWeightQuantizer(axes, num_bits=8)
    weights = built(quantizer, kernel)
    steps = steps_of(quantizer, kernel, weights)
    mantissas, _ = np.frexp(steps)
    np.testing.assert_array_equal(mantissas, 0.5)
    # A threshold of 5 is covered by 8 = 2³, whose 128th is 2⁻⁴.
    weights["log2_threshold"].assign(np.full((1, 6), np.log2(5.0), np.float32))
    np.testing.assert_array_equal(steps_of(quantizer, kernel, weights), 2.0**-4)


@pytest.mark.parametrize("quantizer_class", QUANTIZERS)
def test_steps_fit_the_bits_of_now(quantizer_class: type) -> None:
    kernel, axes = kernel_of("conv")
    quantizer, wider = quantizer_class(axes, num_bits=3), quantizer_class(axes, num_bits=6)
    weights = quantizer.build(kernel.shape, "kernel", Variables())
    quantizer.set_bits(6, weights)
    quantizer.initialize(kernel, weights)
    assert quantizer.bits_now(weights) == 6
    np.testing.assert_array_equal(
        quantizer(tf.constant(kernel), None, weights), wider(tf.constant(kernel), None, built(wider, kernel))
    )


@pytest.mark.parametrize("quantizer_class", QUANTIZERS)
def test_a_channel_of_zeros_stays_zero(quantizer_class: type) -> None:
    kernel, axes = kernel_of("dense")
    kernel[:, 2] = 0
    quantizer = quantizer_class(axes, num_bits=4)
    result = quantizer(tf.constant(kernel), None, built(quantizer, kernel)).numpy()
    assert np.isfinite(result).all()
    assert not result[:, 2].any()


def test_a_step_that_training_took_below_zero_counts_by_its_size() -> None:
    kernel, axes = kernel_of("dense")
    quantizer = LearnedStepWeightQuantizer(axes, num_bits=4)
    weights = built(quantizer, kernel)
    before = quantizer(tf.constant(kernel), None, weights).numpy()
    weights["factor"].assign(-weights["factor"])
    np.testing.assert_array_equal(quantizer(tf.constant(kernel), None, weights), before)
    weights["factor"].assign(tf.zeros_like(weights["factor"]))
    assert np.isfinite(quantizer(tf.constant(kernel), None, weights)).all()
