"""From what a scheme says of a layer to its quantizers."""

from __future__ import annotations

from qat_kit.schemes import LayerScheme
from qat_kit.simulation.quantizers.activations import LearnedStepQuantizer, PactQuantizer, SoftQuantizer
from qat_kit.simulation.quantizers.learned import (
    LearnedStepWeightQuantizer,
    LeastSquaresWeightQuantizer,
    PowerOfTwoStepWeightQuantizer,
)
from qat_kit.simulation.quantizers.learned_ternary import LearnedTernaryWeightQuantizer
from qat_kit.simulation.quantizers.levels import (
    BinaryWeightQuantizer,
    CodebookWeightQuantizer,
    ShiftWeightQuantizer,
    TernaryWeightQuantizer,
)
from qat_kit.simulation.quantizers.ranges import ActivationQuantizer, RangeQuantizer
from qat_kit.simulation.quantizers.weights import PerChannelWeightQuantizer, UniformWeightQuantizer, WeightQuantizer

_UNIFORM: dict[str, type[UniformWeightQuantizer]] = {
    "min_max": PerChannelWeightQuantizer,
    "least_squares": LeastSquaresWeightQuantizer,
    "learned_step": LearnedStepWeightQuantizer,
    "power_of_two_step": PowerOfTwoStepWeightQuantizer,
}


def weight_quantizer(scheme: LayerScheme, channel_axes: tuple[int, ...]) -> WeightQuantizer:
    """The quantizer of a kernel under a scheme that has weights."""
    num_bits = scheme.weights.num_bits if scheme.weights else 8
    match scheme.weight_levels:
        case "ternary" if scheme.weight_ranges == "learned_step":
            return LearnedTernaryWeightQuantizer(channel_axes)
        case "ternary":
            return TernaryWeightQuantizer(channel_axes)
        case "binary":
            return BinaryWeightQuantizer(channel_axes, gradient=scheme.binary_gradient)
        case "codebook":
            return CodebookWeightQuantizer(channel_axes, level_bits=scheme.level_bits)
        case "power_of_two" | "additive_power_of_two":
            additive = scheme.weight_levels == "additive_power_of_two"
            return ShiftWeightQuantizer(channel_axes, level_bits=scheme.level_bits, additive=additive)
        case "uniform":
            return _UNIFORM[scheme.weight_ranges](channel_axes, num_bits=num_bits)


def activation_quantizer(scheme: LayerScheme, *, op: str, may_learn: bool) -> ActivationQuantizer:
    """The quantizer behind an operator.

    may_learn: False where the range is not this tensor's alone: prescribed, or one with other tensors.
    """
    num_bits = scheme.activations.num_bits if scheme.activations else 8
    if scheme.activation_ranges == "learned_step" and may_learn:
        return LearnedStepQuantizer(num_bits=num_bits)
    if scheme.activation_ranges == "clipped" and may_learn and op in ("RELU", "RELU6") and num_bits == 8:
        return PactQuantizer(num_bits=num_bits)
    if scheme.activation_ranges == "soft":
        return SoftQuantizer(num_bits=num_bits)
    return RangeQuantizer(num_bits=num_bits)
