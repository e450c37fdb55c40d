"""Measured ranges against numerics: the forward pass exactly, the gradient as stated, 8 bits and 16."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from qat_kit.numerics import QuantParams, choose_qparams, fake_quantize
from qat_kit.simulation.quantizers import ACTIVATION_SPEC, RangeQuantizer, assign_range, exact_scale, read_params
from qat_kit.simulation.quantizers.ranges import ACTIVATION_SPEC_16

RANGES = [(0.0, 1.0), (-1.0, 1.0), (-3.7, 11.0), (-1e-3, 2e-5), (0.0, 6.0), (-250.0, 0.0), (-0.3, 1e4)]


def variables_of(params: QuantParams) -> dict[str, tf.Variable]:
    variables = {end: tf.Variable(np.float32(np.nan)) for end in ("minimum", "maximum")}
    assign_range(variables, params)
    return variables


@pytest.mark.parametrize(("minimum", "maximum"), RANGES)
def test_activations_fall_on_the_grid_of_numerics(minimum: float, maximum: float) -> None:
    params = choose_qparams(minimum, maximum, ACTIVATION_SPEC)
    scale = float(params.scale)
    # Well off the rounding thresholds: there, TensorFlow rounds (x − minimum) / scale, and ties half up.
    random = np.random.default_rng(0)
    steps = np.arange(-400, 400) + random.uniform(-0.49, 0.49, 800)
    values = (steps * scale).astype(np.float32)
    result = RangeQuantizer()(tf.constant(values), None, variables_of(params)).numpy()
    expected = fake_quantize(values, params)
    # The same code everywhere; its real value is (code − zero point) · scale, computed in another order.
    np.testing.assert_allclose(result, expected, rtol=0, atol=scale * 1e-4)
    np.testing.assert_array_equal(np.rint(result / scale), np.rint(expected / scale))


@pytest.mark.parametrize(("minimum", "maximum"), RANGES)
def test_a_range_is_read_back_as_the_parameters_that_set_it(minimum: float, maximum: float) -> None:
    params = choose_qparams(minimum, maximum, ACTIVATION_SPEC)
    variables = variables_of(params)
    again = read_params(variables)
    assert again.scale == params.scale
    assert again.zero_point == params.zero_point
    assert np.float32(exact_scale(again)) == params.scale


def test_activation_gradient_is_1_inside_the_range_and_0_outside() -> None:
    params = choose_qparams(-1.0, 3.0, ACTIVATION_SPEC)
    values = tf.constant([-9.0, -1.05, -0.9, 0.0, 1.234, 2.9, 3.05, 9.0])
    with tf.GradientTape() as tape:
        tape.watch(values)
        outputs = RangeQuantizer()(values, None, variables_of(params))
    np.testing.assert_array_equal(tape.gradient(outputs, values), [0, 0, 1, 1, 1, 1, 0, 0])


def test_a_range_that_nobody_set_gives_nan() -> None:
    layer = tf_keras.layers.Layer()
    variables = RangeQuantizer().build(None, "output", layer)
    assert [variable.trainable for variable in variables.values()] == [False, False]
    assert np.isnan(RangeQuantizer()(tf.constant([1.0]), None, variables)).all()


@pytest.mark.parametrize("largest", [1.0, 0.3, 7.77, 250.0])
def test_16_bit_activations_fall_on_the_symmetric_grid_of_numerics(largest: float) -> None:
    params = choose_qparams(-largest / 3, largest, ACTIVATION_SPEC_16)
    quantizer, scale = RangeQuantizer(num_bits=16), float(params.scale)
    variables = variables_of(params)
    assert quantizer.params(variables).zero_point == 0
    # Two float32 roundings of the range may take the scale to its neighbour, which the file then has, too.
    assert quantizer.params(variables).scale == pytest.approx(scale, rel=2e-7)
    random = np.random.default_rng(0)
    values = ((random.integers(-40_000, 40_000, 500) + random.uniform(-0.4, 0.4, 500)) * scale).astype(np.float32)
    result = quantizer(tf.constant(values), None, variables).numpy()
    np.testing.assert_array_equal(np.rint(result / scale), np.rint(fake_quantize(values, params) / scale))


@pytest.mark.parametrize("largest", [1.0, 0.77, 3.0, 1e-3, 4242.0])
def test_a_symmetric_range_does_not_fall_on_a_rounding_tie(largest: float) -> None:
    """From [−a, a] itself TensorFlow and the converter disagree about the zero point: −1 or 0."""
    params = choose_qparams(-largest, largest, ACTIVATION_SPEC)
    variables = variables_of(params)
    step = float(params.scale)
    values = np.arange(-128, 128).astype(np.float32) * np.float32(step)
    result = RangeQuantizer()(tf.constant(values), None, variables).numpy()
    codes = np.rint(result / step) + int(params.zero_point)
    np.testing.assert_array_equal(codes, np.clip(np.arange(-128, 128) + int(params.zero_point), -128, 127))


def test_the_exported_tensor_has_the_range_of_params() -> None:
    params = choose_qparams(-0.4, 1.7, ACTIVATION_SPEC)
    variables = variables_of(params)
    values = tf.constant(np.linspace(-1, 3, 999, dtype=np.float32))
    quantizer = RangeQuantizer()
    np.testing.assert_array_equal(quantizer.export(values, variables), quantizer(values, None, variables))


@pytest.mark.parametrize("num_bits", [8, 16])
def test_a_range_quantizer_survives_its_configuration(num_bits: int) -> None:
    config = RangeQuantizer(num_bits=num_bits).get_config()
    assert RangeQuantizer.from_config(config).get_config() == config
