"""QUANTIZE: reals to codes, and codes under one scale to codes under another."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.kernels.broadcasting import in_vectors
from qat_kit.kernels.call import Call
from qat_kit.kernels.requantize import fixed_point
from qat_kit.numerics.rounding import round_half_away

_EIGHT_BITS = ("INT8", "UINT8")


def quantize(call: Call) -> tuple[NDArray[Any]]:
    """`round(x / s) + zero_point`, or `(q − zero_in) · s_in / s_out + zero_out`, clipped.

    reals   reference divides in float32, ties away; builtin multiplies by float32(1/s) in vectors of eight, ties to
            even, and divides in double precision, ties away, in what is left over; XNNPACK multiplies by float32(1/s),
            ties to even.
    codes   reference rounds twice, ties away; builtin does so with ties up in vectors of sixteen (8 bits to 8 bits);
            XNNPACK rounds 256 · s_in / s_out to an integer first, which is coarse.

    Raises NotSimulatedError for more than one scale, and for other types than float32, int8, uint8, int16.

    Source: tflite/kernels/quantize.cc, AffineQuantize and Requantize in internal/optimized/optimized_ops.h;
    xnn_init_qs8_cvt_scalar_params in XNNPACK/src/microparams-init.c, f32-qs8-vcvt and qs8-vcvt.
    """
    source, target = call.input(0).type, call.output.type
    if target not in ("INT8", "UINT8", "INT16") or source not in ("FLOAT32", "INT8", "UINT8", "INT16"):
        raise call.refuse(f"types {source}, {target}")
    if call.kernel_set == "tflite_micro" and target == "UINT8" and source != "INT8":
        raise call.refuse(f"types {source}, {target}, which it refuses,")
    if call.kernel_set == "xnnpack" and not _xnnpack_takes(call):
        call = call.on("builtin")
    return (_from_reals(call) if source == "FLOAT32" else _from_codes(call),)


def _from_reals(call: Call) -> NDArray[Any]:
    x, output = call.input(0).values, call.output
    if not np.isfinite(x).all():
        raise call.refuse("NaN or infinity")
    if call.is_plain:
        return _clipped(call, round_half_away(x / output.scale32))
    nearest_even = _clipped(call, np.rint(x * np.float32(1.0 / output.real_scale)))
    if call.kernel_set == "xnnpack":
        return nearest_even
    left_over = _clipped(call, round_half_away(x.astype(np.float64) / output.real_scale))
    return np.where(in_vectors(x.shape, 8), nearest_even, left_over)


def _from_codes(call: Call) -> NDArray[Any]:
    x, output = call.input(0), call.output
    steps = x.values.astype(np.int64) - x.zero
    if call.kernel_set == "xnnpack":
        multiplier = int(np.rint(np.float32(256) * (x.scale32 / output.scale32)))
        return _clipped(call, (steps * multiplier + 128) >> 8)
    ratio = x.real_scale / output.real_scale
    away = fixed_point(call, steps, ratio, form="double_rounding")
    if call.is_plain or not (x.type in _EIGHT_BITS and output.type in _EIGHT_BITS):
        return away
    up = fixed_point(call, steps, ratio, form="double_rounding_up")
    return np.where(in_vectors(x.shape, 16), up, away)


def _clipped(call: Call, steps: NDArray[Any]) -> NDArray[Any]:
    codes = np.clip(steps + call.output.zero, *call.output.code_range)
    return np.asarray(codes.astype(call.output.dtype))


def _xnnpack_takes(call: Call) -> bool:
    """Source: VisitUnaryNode in xnnpack_delegate.cc."""
    x, output = call.input(0), call.output
    if x.type == "FLOAT32":
        return output.type in _EIGHT_BITS
    ratio = float(x.scale32 / output.scale32)
    return x.type == output.type and x.type in _EIGHT_BITS and 2.0**-8 <= ratio <= 2.0**7
