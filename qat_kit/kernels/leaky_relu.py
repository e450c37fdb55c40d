"""LEAKY_RELU, each kernel set."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.kernels.call import Call
from qat_kit.kernels.lookup import each_code, runs_on_xnnpack
from qat_kit.kernels.requantize import float_multiplier
from qat_kit.numerics.fixed_point import multiply_by_quantized_multiplier, quantize_multiplier


def leaky_relu(call: Call) -> tuple[NDArray[Any]]:
    """`x where x ≥ 0, else alpha·x`; alpha is float32 and may be negative or above 1.

        LiteRT    zero_output + x · multiplier, double rounding, the multipliers being float32 quotients
        XNNPACK   zero_output + (x · rint(256 · multiplier) + 128) >> 8: the multipliers keep 8 bits behind the point

    XNNPACK takes int8 where s_input / s_output lies within 1/256 and 128, and that times alpha within the same,
    negative ones down to −127.996; it leaves the rest, and alpha 0, to the builtin kernel.

    Source: QuantizeLeakyRelu in tflite/kernels/internal/reference/leaky_relu.h; xnn_init_qs8_lrelu_scalar_params in
    XNNPACK/src/microparams-init.c; VisitUnaryNode in tflite/delegates/xnnpack/xnnpack_delegate.cc.
    """
    x, y = call.input(0), call.output
    alpha = np.float32(call.options["alpha"])
    positive = x.scale32 / y.scale32
    if runs_on_xnnpack(call) and _is_delegated(positive, positive * alpha, alpha):
        multipliers = [int(np.rint(np.float32(256) * scale)) for scale in (positive, positive * alpha)]

        def fixed_point(codes: NDArray[np.int64]) -> NDArray[Any]:
            steps = codes - x.zero
            return y.zero + ((steps * np.where(steps >= 0, *multipliers) + 128) >> 8)

        return each_code(call, fixed_point)

    slope = float_multiplier(call, x.scale32, alpha, over=y.scale32)
    unchanged = quantize_multiplier(float_multiplier(call, x.scale32, over=y.scale32))
    sign = -1 if slope < 0 else 1
    mantissa, shift = quantize_multiplier(abs(slope))
    # The optimised int16 kernel multiplies by a negative slope; the others negate what they have rounded.
    within, after = (sign, 1) if x.type == "INT16" and not call.is_plain else (1, sign)

    def codes_of(codes: NDArray[np.int64]) -> NDArray[Any]:
        steps = codes - x.zero
        kept = multiply_by_quantized_multiplier(np.maximum(steps, 0), *unchanged)
        leaked = multiply_by_quantized_multiplier(np.minimum(steps, 0), within * mantissa, shift)
        return y.zero + np.where(steps >= 0, kept, after * leaked).astype(np.int64)

    return each_code(call, codes_of)


def _is_delegated(positive: np.float32, negative: np.float32, alpha: np.float32) -> bool:
    is_normal = np.isfinite(alpha) and abs(alpha) >= np.finfo(np.float32).tiny
    return bool(
        is_normal and 1 / 256 <= positive <= 128 and -127.99609375 <= negative <= 128 and abs(negative) >= 1 / 256
    )
