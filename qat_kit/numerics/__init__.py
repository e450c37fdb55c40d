"""What a number becomes when it is quantized: NumPy only, exact, and the oracle for everything above.

The public names; each module says where its formulas come from. What belongs to one subject alone is found there:
`qat_kit.numerics.activations` (PACT, LSQ, DSQ …), `.fixed_point` (the kernels' integer arithmetic), `.error` (metrics),
`.nonuniform` (binary, ternary, powers of two, codebooks …), `.ranges` (every range estimator).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qat_kit.lazy import names_of

if TYPE_CHECKING:
    from qat_kit.numerics.affine import dequantize, fake_quantize, quantize, requantize
    from qat_kit.numerics.compensation import correct_bias, quantize_with_error_feedback
    from qat_kit.numerics.error import QuantizationError, verify_quantization
    from qat_kit.numerics.fixed_point import (
        check_accumulator,
        multiply_by_quantized_multiplier,
        quantize_multiplier,
        requantize_float32,
    )
    from qat_kit.numerics.nonuniform import Encoded
    from qat_kit.numerics.parameters import SMALLEST_RANGE, choose_qparams, range_for_converter
    from qat_kit.numerics.ranges import (
        MinMaxObserver,
        MovingAverageObserver,
        Portfolio,
        PortfolioChoice,
        RangeEstimator,
        get_range_estimator,
        least_squares_range,
    )
    from qat_kit.numerics.rounding import Rounding, round_half_away, round_half_even
    from qat_kit.numerics.types import SMALLEST_SCALE, Granularity, QuantParams, TensorSpec

_HOMES = {
    "Encoded": "nonuniform",
    "Granularity": "types",
    "MinMaxObserver": "ranges",
    "MovingAverageObserver": "ranges",
    "Portfolio": "ranges",
    "PortfolioChoice": "ranges",
    "QuantParams": "types",
    "QuantizationError": "error",
    "RangeEstimator": "ranges",
    "Rounding": "rounding",
    "SMALLEST_RANGE": "parameters",
    "SMALLEST_SCALE": "types",
    "TensorSpec": "types",
    "check_accumulator": "fixed_point",
    "choose_qparams": "parameters",
    "correct_bias": "compensation",
    "dequantize": "affine",
    "fake_quantize": "affine",
    "get_range_estimator": "ranges",
    "least_squares_range": "ranges",
    "multiply_by_quantized_multiplier": "fixed_point",
    "quantize": "affine",
    "quantize_multiplier": "fixed_point",
    "quantize_with_error_feedback": "compensation",
    "range_for_converter": "parameters",
    "requantize": "affine",
    "requantize_float32": "fixed_point",
    "round_half_away": "rounding",
    "round_half_even": "rounding",
    "verify_quantization": "error",
}

__all__ = [
    "SMALLEST_RANGE",
    "SMALLEST_SCALE",
    "Encoded",
    "Granularity",
    "MinMaxObserver",
    "MovingAverageObserver",
    "Portfolio",
    "PortfolioChoice",
    "QuantParams",
    "QuantizationError",
    "RangeEstimator",
    "Rounding",
    "TensorSpec",
    "check_accumulator",
    "choose_qparams",
    "correct_bias",
    "dequantize",
    "fake_quantize",
    "get_range_estimator",
    "least_squares_range",
    "multiply_by_quantized_multiplier",
    "quantize",
    "quantize_multiplier",
    "quantize_with_error_feedback",
    "range_for_converter",
    "requantize",
    "requantize_float32",
    "round_half_away",
    "round_half_even",
    "verify_quantization",
]
__getattr__ = names_of(__name__, _HOMES)
