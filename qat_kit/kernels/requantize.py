"""From accumulators to codes, as CONV_2D, DEPTHWISE_CONV_2D and TRANSPOSE_CONV do it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.kernels.activation import activation_range
from qat_kit.kernels.call import Call, Operand
from qat_kit.numerics.fixed_point import (
    Form,
    float32_requantization_scale,
    multiply_by_quantized_multiplier,
    multiply_wide_by_quantized_multiplier,
    quantize_multiplier,
    requantize_float32,
)


def requantize(
    call: Call,
    accumulator: NDArray[np.int64],
    *,
    weights: Operand,
    form: Form,
    wide: bool = False,
    data: Operand | None = None,
) -> NDArray[Any]:
    """Codes of the output: `clip(accumulator · s_input · s_weight / s_output + zero_point, lowest, highest)`.

    accumulator: [..., channels], bias included. weights: whose scale there is one of, or one a channel. form: how
    LiteRT's kernel rounds; XNNPACK multiplies in float32 whatever it is. wide: the accumulator has 64 bits (16-bit
    activations), and the multiplier 16. data: the operand that is multiplied with the weights, input 0 unless given.

    Source: PopulateConvolutionQuantizationParams in tflite/kernels/kernel_util.cc.
    """
    output = call.output
    data = call.input(0) if data is None else data
    lowest, highest = activation_range(call)
    if call.kernel_set == "xnnpack":
        scale = float32_requantization_scale(data.scale32, weights.scale, output.scale32)
        codes = requantize_float32(accumulator, scale, output.zero, minimum=lowest, maximum=highest)
        return codes.astype(output.dtype)
    multiplier = data.real_scale * weights.scale.astype(np.float64) / output.real_scale
    return fixed_point(call, accumulator, multiplier, form=form, wide=wide)


def float_multiplier(call: Call, *factors: np.floating[Any], over: np.floating[Any]) -> float:
    """`∏ factors / over` of a multiplier that LiteRT computes in float32, step by step; tflite-micro does so in double.

    factors, over: scales, and slopes, in float32.
    """
    precision = np.float64 if call.kernel_set == "tflite_micro" else np.float32
    product = precision(factors[0])
    for factor in factors[1:]:
        product = product * precision(factor)
    return float(product / precision(over))


def product_scale(call: Call, data: Operand, weights: Operand) -> float:
    """`s_data · s_weights`, a float32 in LiteRT and a double in tflite-micro.

    Source: GetQuantizedConvolutionMultipler in tflite/kernels/kernel_util.cc.
    """
    return float_multiplier(call, data.scale32, weights.scale32, over=np.float32(1))


def fixed_point(
    call: Call, accumulator: NDArray[np.int64], multiplier: Any, *, form: Form, wide: bool = False
) -> NDArray[Any]:
    """`clip(accumulator · multiplier + zero_point, lowest, highest)` with the multiplier as mantissa and shift."""
    mantissa, shift = quantize_multiplier(multiplier)
    if wide:
        product = multiply_wide_by_quantized_multiplier(accumulator, mantissa, shift)
    else:
        product = multiply_by_quantized_multiplier(accumulator, mantissa, shift, form=form)
    lowest, highest = activation_range(call)
    codes = np.clip(product.astype(np.int64) + call.output.zero, lowest, highest)
    return np.asarray(codes.astype(call.output.dtype))
