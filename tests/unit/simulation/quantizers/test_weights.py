"""The plain weight quantizer against numerics: per channel, at every width, the gradient straight through."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from qat_kit.numerics import choose_qparams, fake_quantize, quantize
from qat_kit.simulation.quantizers import WEIGHT_SPEC, PerChannelWeightQuantizer
from tests.support.quantizers import KERNELS, Variables, kernel_of


@pytest.mark.parametrize("kind", KERNELS)
def test_every_output_channel_has_a_scale_of_its_own(kind: str) -> None:
    kernel, axes = kernel_of(kind)
    quantizer = PerChannelWeightQuantizer(axes)
    result = quantizer.channels_last(quantizer(tf.constant(kernel), None, {}).numpy())
    flat = quantizer.channels_last(kernel)
    largest = np.abs(flat).max(axis=0)
    params = choose_qparams(-largest, largest, WEIGHT_SPEC, axis=1)
    np.testing.assert_array_equal(quantize(result, params), quantize(flat, params))
    np.testing.assert_allclose(result, fake_quantize(flat, params), rtol=2e-7)
    # What the converter finds in the result must be the scale that was used.
    np.testing.assert_array_equal(np.abs(result).max(axis=0), largest)
    assert len(np.unique(params.scale)) == flat.shape[1]


def test_depthwise_channels_stand_in_the_order_of_the_file() -> None:
    """Channel c of the input and multiplier m make output channel c · multiplier + m."""
    kernel = np.zeros((1, 1, 3, 2), np.float32)
    kernel[0, 0] = [[0, 1], [2, 3], [4, 5]]
    np.testing.assert_array_equal(PerChannelWeightQuantizer((2, 3)).channels_last(kernel), [[0, 1, 2, 3, 4, 5]])


def test_codes_worked_by_hand() -> None:
    kernel = tf.constant([[127.0, -2.0, 0.0], [63.6, 0.999, 0.0], [-127.0, 1.0, 0.0], [-0.4, 0.01, 0.0]])
    result = PerChannelWeightQuantizer((1,))(kernel, None, {}).numpy()
    np.testing.assert_array_equal(result[:, 0], [127, 64, -127, 0])
    # scale 2/127: 0.999 is 63.44 steps, 1.0 is 63.5, which rounds to even
    np.testing.assert_allclose(result[:, 1], np.array([-127, 63, 64, 1]) * 2 / 127, rtol=1e-6)
    np.testing.assert_array_equal(result[:, 2], 0)


@pytest.mark.parametrize("kind", KERNELS)
def test_weight_gradient_is_1_everywhere_even_at_the_largest(kind: str) -> None:
    kernel, axes = kernel_of(kind)
    variable = tf.Variable(kernel)
    upstream = np.random.default_rng(2).normal(0, 1, kernel.shape).astype(np.float32)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(PerChannelWeightQuantizer(axes)(variable, None, {}) * upstream)
    np.testing.assert_array_equal(tape.gradient(loss, variable), upstream)


@pytest.mark.parametrize("factor", [1e-7, 1e-12, 1e-38])
def test_weak_channels_stay_finite(factor: float) -> None:
    kernel = np.array([[1.0, factor], [-0.5, -factor]], np.float32)
    result = PerChannelWeightQuantizer((1,))(tf.constant(kernel), None, {}).numpy()
    assert np.isfinite(result).all()
    assert np.abs(result[:, 1]).max() <= 2 * factor


@pytest.mark.parametrize("num_bits", range(2, 8))
def test_fewer_bits_are_numerics_with_that_spec(num_bits: int) -> None:
    kernel, axes = kernel_of("conv")
    quantizer, variables = PerChannelWeightQuantizer(axes, num_bits=num_bits), Variables()
    weights = quantizer.build(kernel.shape, "kernel", variables)
    assert [variable.trainable for variable in weights.values()] == [False]
    flat = quantizer.channels_last(kernel)
    largest = np.abs(flat).max(axis=0)
    params = choose_qparams(-largest, largest, quantizer.spec, axis=1)
    assert quantizer.params(kernel, weights) == params
    result = quantizer.channels_last(quantizer(tf.constant(kernel), None, weights).numpy())
    np.testing.assert_array_equal(result, fake_quantize(flat, params))


def test_bits_may_be_lowered_while_training() -> None:
    kernel, axes = kernel_of("dense")
    quantizer = PerChannelWeightQuantizer(axes, num_bits=3)
    weights = quantizer.build(kernel.shape, "kernel", Variables())
    for num_bits in (6, 4, 3):
        quantizer.set_bits(num_bits, weights)
        expected = PerChannelWeightQuantizer(axes, num_bits=num_bits)
        np.testing.assert_array_equal(
            quantizer(tf.constant(kernel), None, weights),
            expected(tf.constant(kernel), None, expected.build(kernel.shape, "kernel", Variables())),
        )


@pytest.mark.parametrize("num_bits", [8, 4])
def test_a_weight_quantizer_survives_its_configuration(num_bits: int) -> None:
    config = PerChannelWeightQuantizer((2, 3), num_bits=num_bits).get_config()
    assert PerChannelWeightQuantizer.from_config(config).get_config() == config
