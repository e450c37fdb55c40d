"""The fake quantizers, as tfmot Quantizers: the forward pass rounds, the gradient is each paper's.

Forward and gradient agree with `qat_kit.numerics`; the scales are computed in double precision and cast once, as the
converter does, so that the file has the very scales that training used.
"""

from qat_kit.simulation.quantizers.activations import LearnedStepQuantizer, PactQuantizer, SoftQuantizer
from qat_kit.simulation.quantizers.choice import activation_quantizer, weight_quantizer
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
from qat_kit.simulation.quantizers.ranges import (
    ACTIVATION_SPEC,
    ActivationQuantizer,
    RangeQuantizer,
    activation_spec,
    assign_range,
    exact_scale,
    read_params,
)
from qat_kit.simulation.quantizers.weights import (
    WEIGHT_SPEC,
    PerChannelWeightQuantizer,
    UniformWeightQuantizer,
    WeightQuantizer,
    weight_spec,
)

__all__ = [
    "ACTIVATION_SPEC",
    "WEIGHT_SPEC",
    "ActivationQuantizer",
    "BinaryWeightQuantizer",
    "CodebookWeightQuantizer",
    "LearnedStepQuantizer",
    "LearnedStepWeightQuantizer",
    "LearnedTernaryWeightQuantizer",
    "LeastSquaresWeightQuantizer",
    "PactQuantizer",
    "PerChannelWeightQuantizer",
    "PowerOfTwoStepWeightQuantizer",
    "RangeQuantizer",
    "ShiftWeightQuantizer",
    "SoftQuantizer",
    "TernaryWeightQuantizer",
    "UniformWeightQuantizer",
    "WeightQuantizer",
    "activation_quantizer",
    "activation_spec",
    "assign_range",
    "exact_scale",
    "read_params",
    "weight_quantizer",
    "weight_spec",
]
