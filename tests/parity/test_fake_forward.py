"""Fed the same integers, an operator of the fake simulation is what the device computes, but for single steps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

import numpy as np
import pytest
import tf_keras

from qat_kit.litert.interpreter import KernelSet
from qat_kit.prepare import prepare
from qat_kit.prepare.reading import layer_calls
from qat_kit.simulation import simulate
from qat_kit.simulation.integer.forward import COMPUTED
from qat_kit.simulation.integer.site import site_of
from qat_kit.simulation.wrapper import QuantizedLayer
from tests.support import models, models_activations, models_attention, models_operations

PATTERNS = {
    **models.PATTERNS,
    **models_activations.PATTERNS,
    **models_attention.PATTERNS,
    **models_operations.PATTERNS,
}
FAST = ("separable", "transposed_leaky", "average_pool_same", "squeeze_and_excite")
# With those above, every operator that computes new values but for SUM, SQRT and TANH.
SLOW = (
    *("conv_prelu", "two_inputs", "shared_twice", "upsample_bilinear", "operation_constants", "operation_affine"),
    *("conv_gelu", "conv_softplus", "conv_softsign", "conv_elu", "conv_hard_swish", "conv_log_softmax"),
    *("masked_attention", "layer_norm", "group_norm", "rms_norm", "unit_norm", "dot_cosine"),
)
WITHIN_1_LSB = 0.999


def steps_apart(model: tf_keras.Model, arrays: list[np.ndarray]) -> Iterator[tuple[str, np.ndarray]]:
    """(operator, |fake − integer| in steps of its output) at each place of a model that computes integers."""
    values = dict(zip((tensor.node.layer.name for tensor in model.inputs), arrays, strict=True))
    places: dict[str, int] = {}
    for call in layer_calls(model):
        if call.name in values:
            continue
        layer, inputs = call.layer, tuple(values[name] for name in call.inputs)
        place = places[layer.name] = places.get(layer.name, -1) + 1
        values[call.name] = layer.call(inputs[0] if len(inputs) == 1 else list(inputs), training=False, place=place)
        if not isinstance(layer, QuantizedLayer) or layer.quantize_config.fused:
            continue
        if layer.quantize_config.op in COMPUTED:
            site = site_of(layer, place, inputs)
            apart = np.abs(site.fake(*site.operands) - values[call.name]) / site.output.scale
            yield layer.quantize_config.op, np.asarray(apart)


@pytest.mark.parametrize("name", [*FAST, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_an_operator_fed_the_same_integers_is_off_by_no_more_than_1(name: str) -> None:
    prepared = prepare(PATTERNS[name]())
    calibration = [models.samples(prepared.model, 16)]
    for kernel_set in get_args(KernelSet):
        qat = simulate(prepared, calibration, forward="integer", kernel_set=kernel_set).model
        found: dict[str, list[np.ndarray]] = {}
        for op, apart in steps_apart(qat, models.samples(prepared.model, 32, seed=5)):
            found.setdefault(op, []).append(apart.ravel())
        assert found
        for op, parts in found.items():
            apart = np.concatenate(parts)
            assert np.mean(apart < 1.5) >= WITHIN_1_LSB, f"{op} on {kernel_set}: {apart.max():.2f} LSB"
