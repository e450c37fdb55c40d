"""LSQ+, PACT and DSQ against numerics: forward and every gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from qat_kit.numerics import QuantParams, choose_qparams, fake_quantize
from qat_kit.numerics.activations import (
    dsq_gradient,
    lsq_gradient_scale,
    lsq_plus,
    lsq_plus_gradient,
    pact,
    pact_gradient,
)
from qat_kit.simulation.quantizers import (
    ACTIVATION_SPEC,
    ActivationQuantizer,
    LearnedStepQuantizer,
    PactQuantizer,
    SoftQuantizer,
)
from qat_kit.simulation.quantizers.ranges import ACTIVATION_SPEC_16
from tests.support.quantizers import Variables

QUANTIZERS = (LearnedStepQuantizer(), LearnedStepQuantizer(num_bits=16), PactQuantizer(), SoftQuantizer())


def calibrated(quantizer: ActivationQuantizer, params: QuantParams) -> dict[str, Any]:
    weights = quantizer.build(None, "output", Variables())
    quantizer.assign(weights, params)
    return dict(weights)


def off_ties(scale: float, *, spread: int = 300, shape: tuple[int, ...] = (20, 30)) -> np.ndarray:
    """Values at whole and nearly half steps, well off the ties, within the range and beyond it."""
    random = np.random.default_rng(0)
    return ((random.integers(-spread, spread, shape) + random.uniform(-0.45, 0.45, shape)) * scale).astype(np.float32)


def gradients(quantizer: ActivationQuantizer, values: np.ndarray, weights: dict[str, Any]) -> tuple[Any, ...]:
    """(upstream, gradient to the values, gradient to each trainable variable by name)."""
    upstream = np.random.default_rng(3).normal(0, 1, values.shape).astype(np.float32)
    inputs = tf.constant(values)
    trainable = {name: variable for name, variable in weights.items() if variable.trainable}
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        loss = tf.reduce_sum(quantizer(inputs, None, weights) * upstream)
    to_values, to_weights = tape.gradient(loss, (inputs, trainable))
    return upstream, to_values.numpy(), {name: float(value) for name, value in to_weights.items()}


@pytest.mark.parametrize(("minimum", "maximum"), [(0.0, 6.0), (-1.0, 1.0), (-3.7, 11.0), (-2.0, 0.0)])
def test_a_learned_step_starts_where_calibration_was(minimum: float, maximum: float) -> None:
    params = choose_qparams(minimum, maximum, ACTIVATION_SPEC)
    quantizer = LearnedStepQuantizer()
    weights = calibrated(quantizer, params)
    assert quantizer.params(weights) == params
    values = off_ties(float(params.scale))
    np.testing.assert_allclose(
        quantizer(tf.constant(values), None, weights), fake_quantize(values, params), rtol=1e-6, atol=1e-6
    )


@pytest.mark.parametrize(("factor", "offset"), [(1.0, 0.0), (0.8, 0.05), (1.3, -0.2)])
def test_a_learned_step_and_offset_are_those_of_lsq_plus(factor: float, offset: float) -> None:
    quantizer = LearnedStepQuantizer()
    weights = calibrated(quantizer, choose_qparams(-1.0, 3.0, ACTIVATION_SPEC))
    weights["factor"].assign(factor)
    weights["offset"].assign(weights["offset"] + offset)
    params = quantizer.params(weights)
    step, beta = float(params.scale), -float(params.zero_point) * float(params.scale)
    values = off_ties(step)
    np.testing.assert_allclose(
        quantizer(tf.constant(values), None, weights), lsq_plus(values, step, beta, ACTIVATION_SPEC), atol=step * 1e-3
    )
    upstream, to_values, to_weights = gradients(quantizer, values, weights)
    expected, to_step, to_offset = lsq_plus_gradient(values, step, beta, ACTIVATION_SPEC, upstream)
    np.testing.assert_array_equal(to_values, expected.astype(np.float32))
    # N is the features of one sample, and both variables have units of their own.
    pace, unit = lsq_gradient_scale(values.shape[1], ACTIVATION_SPEC), float(weights["unit"])
    assert to_weights["factor"] == pytest.approx(to_step * pace * unit, rel=1e-3)
    assert to_weights["offset"] == pytest.approx(to_offset * pace * unit * 255, rel=1e-4)


def test_16_bits_learn_a_step_alone() -> None:
    quantizer = LearnedStepQuantizer(num_bits=16)
    weights = calibrated(quantizer, choose_qparams(-1.0, 3.0, ACTIVATION_SPEC_16))
    assert set(weights) == {"unit", "factor"}
    weights["factor"].assign(0.9)
    step = float(quantizer.params(weights).scale)
    values = off_ties(step, spread=50_000)
    result = quantizer(tf.constant(values), None, weights).numpy()
    expected = lsq_plus(values, step, 0.0, ACTIVATION_SPEC_16)
    np.testing.assert_array_equal(np.rint(result / step), np.rint(expected / step))
    assert np.rint(result / step).max() == 32767


@pytest.mark.parametrize("factor", [1.0, 0.7])
def test_a_learned_clip_is_that_of_pact(factor: float) -> None:
    quantizer = PactQuantizer()
    weights = calibrated(quantizer, choose_qparams(0.0, 6.0, ACTIVATION_SPEC))
    weights["factor"].assign(factor)
    clip = 6.0 * factor
    values = off_ties(clip / 255)
    np.testing.assert_allclose(
        quantizer(tf.constant(values), None, weights), pact(values, clip, num_bits=8), rtol=1e-5, atol=1e-6
    )
    upstream, to_values, to_weights = gradients(quantizer, values, weights)
    expected, to_clip = pact_gradient(values, clip, upstream)
    np.testing.assert_array_equal(to_values, expected.astype(np.float32))
    assert to_weights["factor"] == pytest.approx(to_clip * float(weights["unit"]), rel=1e-4)
    assert quantizer.params(weights) == choose_qparams(0.0, np.float32(clip), ACTIVATION_SPEC)


@pytest.mark.parametrize("alpha", [0.2, 0.05])
def test_a_soft_stair_is_hard_forwards_and_soft_backwards(alpha: float) -> None:
    quantizer = SoftQuantizer(alpha=alpha)
    params = choose_qparams(-1.0, 3.0, ACTIVATION_SPEC)
    weights = calibrated(quantizer, params)
    values = off_ties(float(params.scale))
    result = quantizer(tf.constant(values), None, weights)
    np.testing.assert_allclose(result, fake_quantize(values, params), atol=1e-5)
    upstream, to_values, to_weights = gradients(quantizer, values, weights)
    minimum, maximum = float(weights["minimum"]), float(weights["maximum"])
    expected = dsq_gradient(values, minimum, maximum, upstream, num_bits=8, alpha=alpha)
    np.testing.assert_allclose(to_values, expected, rtol=1e-3, atol=1e-3)
    assert to_weights == {}


@pytest.mark.parametrize(
    "quantizer", QUANTIZERS, ids=lambda quantizer: f"{type(quantizer).__name__}{quantizer.num_bits}"
)
def test_exported_it_answers_the_same_codes(quantizer: ActivationQuantizer) -> None:
    low = 0.0 if isinstance(quantizer, PactQuantizer) else -2.0
    weights = calibrated(quantizer, choose_qparams(low, 5.0, quantizer.spec))
    for name, change in (("factor", 0.83), ("offset", 0.9)):
        if name in weights:
            weights[name].assign(weights[name] * change)
    step = float(quantizer.params(weights).scale)
    values = tf.constant(off_ties(step))
    trained, exported = quantizer(values, None, weights).numpy(), quantizer.export(values, weights).numpy()
    np.testing.assert_array_equal(np.rint(trained / step), np.rint(exported / step))
    # Real zero is a code: also what training computes are whole steps.
    np.testing.assert_allclose(trained / step, np.rint(trained / step), atol=1e-2)


@pytest.mark.parametrize(
    "quantizer", QUANTIZERS, ids=lambda quantizer: f"{type(quantizer).__name__}{quantizer.num_bits}"
)
def test_uncalibrated_it_answers_nan_and_its_configuration_makes_it_again(quantizer: ActivationQuantizer) -> None:
    weights = quantizer.build(None, "output", Variables())
    assert np.isnan(quantizer(tf.constant([[1.0]]), None, weights)).all()
    assert type(quantizer).from_config(quantizer.get_config()).get_config() == quantizer.get_config()
