"""The integer arithmetic on TensorFlow is that of `qat_kit.numerics` and of the converter."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from qat_kit.numerics import TensorSpec, choose_qparams, quantize, range_for_converter
from qat_kit.numerics import fixed_point as numpy_form
from qat_kit.simulation.integer.accumulate import EXACT, LARGEST_SUM, accumulators
from qat_kit.simulation.integer.fixed_point import compiled, multiply, quantize_multiplier
from qat_kit.simulation.integer.gradient import straight_through
from qat_kit.simulation.integer.grid import Grid, grid_between
from qat_kit.simulation.integer.weights import WeightCodes, weight_codes
from qat_kit.simulation.kernels import params_in_file


def test_a_grid_is_what_the_converter_reads_off_the_range() -> None:
    random = np.random.default_rng(0)
    for low, high in np.sort(random.normal(0, 10.0 ** random.integers(-3, 4, (200, 1)), (200, 2)), axis=1):
        params = choose_qparams(min(low, 0.0), max(high, 0.0), TensorSpec())
        minimum, maximum = range_for_converter(params)
        grid = grid_between(tf.constant(minimum), tf.constant(maximum))
        assert (grid.scale.numpy(), grid.zero_point.numpy()) == (params.scale, params.zero_point)


def test_multipliers_are_split_and_multiplied_as_numpy_does() -> None:
    random = np.random.default_rng(1)
    real = 2.0 ** random.uniform(-33, 12, 2000)
    real[:3] = 0.25, 1 - 2.0**-40, 2.0**-32
    mantissa, shift = numpy_form.quantize_multiplier(real)
    own = quantize_multiplier(tf.constant(real))
    np.testing.assert_array_equal(own[0].numpy(), mantissa)
    np.testing.assert_array_equal(own[1].numpy(), shift)

    values = random.integers(-(1 << 17), 1 << 17, (200, 2000))
    values[:, :3] = np.arange(-100, 100)[:, None] * 2
    ties_up = np.arange(2000) % 2 == 0

    def product(x: tf.Tensor) -> tf.Tensor:
        return multiply(x, *own, ties_up=ties_up)

    expected = np.where(
        ties_up,
        numpy_form.multiply_by_quantized_multiplier(values, mantissa, shift, form="double_rounding_up"),
        numpy_form.multiply_by_quantized_multiplier(values, mantissa, shift, form="double_rounding"),
    )
    np.testing.assert_array_equal(product(tf.constant(values)).numpy(), expected)
    np.testing.assert_array_equal(tf.function(compiled(product))(tf.constant(values)).numpy(), expected)


@pytest.mark.parametrize("bias_scale", [0.1, 1e6])
def test_weights_and_biases_have_the_codes_of_the_file(bias_scale: float) -> None:
    random = np.random.default_rng(2)
    channels = np.array([1.0, 1e-3, 1e-6, 0.0, 1e-9, 3.0], np.float32)
    kernel = (random.normal(0, 1, (3, 3, 4, 6)) * channels).astype(np.float32)
    bias = (random.normal(0, bias_scale, 6)).astype(np.float32)
    data = Grid(
        scale=tf.constant(0.02, tf.float32),
        exact_scale=tf.constant(0.02, tf.float64),
        zero_point=tf.constant(3.0, tf.float32),
    )
    codes = weight_codes(tf.constant(kernel), tf.constant(bias), (3,), data)
    params = params_in_file(kernel.reshape(-1, 6), bias, 0.02, None)
    np.testing.assert_array_equal(codes.scale.numpy(), params.scale)
    np.testing.assert_array_equal(codes.kernel.numpy().reshape(-1, 6), quantize(kernel.reshape(-1, 6), params))
    np.testing.assert_array_equal(codes.sums.numpy(), np.abs(codes.kernel.numpy()).sum(axis=(0, 1, 2)))
    assert np.max(np.abs(codes.bias.numpy())) < 1 << 30


def codes_of(kernel: np.ndarray, bias: np.ndarray) -> WeightCodes:
    return WeightCodes(
        kernel=tf.constant(kernel, tf.float32),
        scale=tf.ones(kernel.shape[1]),
        bias=tf.constant(bias, tf.float64),
        sums=tf.constant(np.abs(kernel).sum(axis=0), tf.float32),
    )


@pytest.mark.parametrize("depth", [3, 600, 9000, LARGEST_SUM])
@pytest.mark.parametrize("largest_bias", [1000, 1 << 25])
def test_sums_are_exact_however_large(depth: int, largest_bias: int) -> None:
    random = np.random.default_rng(depth)
    steps = random.integers(-255, 256, (3, depth))
    steps[0] = 255
    kernel = random.integers(-127, 128, (depth, 2))
    # The most that the largest layer may hold, beside a bias, without leaving int32.
    kernel[:, 0] = 124
    bias = random.integers(-largest_bias, largest_bias, 2)
    exact = steps @ kernel + bias
    assert (np.abs(exact).max() > EXACT) == (depth >= 600 or largest_bias > EXACT)

    def summed(dtype: tf.DType) -> np.ndarray:
        given = tf.constant(steps, tf.float32)
        return accumulators(tf.matmul, given, codes_of(kernel, bias), num_products=depth, dtype=dtype).numpy()

    np.testing.assert_array_equal(summed(tf.int32), exact)
    np.testing.assert_array_equal(summed(tf.float32), exact.astype(np.float32))


def test_the_gradient_is_the_real_functions_where_codes_are_inside() -> None:
    x, w = tf.constant([1.0, 2.0, 3.0]), tf.constant(2.0)
    with tf.GradientTape() as tape:
        tape.watch([x, w])
        y = straight_through(lambda x, w: (tf.round(x * w / 4), x < 3), lambda x, w: x * w, x, w)
        total = tf.reduce_sum(y * [1.0, 10.0, 100.0])
    np.testing.assert_array_equal(y, [0.0, 1.0, 2.0])
    by_x, by_w = tape.gradient(total, [x, w])
    np.testing.assert_array_equal(by_x, [2.0, 20.0, 0.0])
    assert float(by_w) == 1.0 + 20.0
