"""RESIZE_BILINEAR, each kernel set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.kernels.call import Call
from qat_kit.kernels.movement import moved


def resize_bilinear(call: Call) -> tuple[NDArray[Any], ...]:
    """Each output pixel from the four nearest input pixels; [batch, height, width, channels].

        LiteRT    places and weights in integers with 10 fractional bits; the sum of four products is rounded to
                  nearest, ties away from zero
        XNNPACK   places in float32, weights rint(2¹¹ · fraction); the sum is rounded to nearest, ties up

    A place is `i · input / output`, with half_pixel_centers `(i + ½) · input / output − ½`, with align_corners
    `i · (input − 1) / (output − 1)`. XNNPACK takes int8 whose size is a constant.

    Raises NotSimulatedError for types other than int8 and int16, and where LiteRT's integers run past the last pixel,
    as they can in outputs of a thousand pixels and more: it reads memory that is not the tensor's.

    Source: ResizeBilinearInteger in tflite/kernels/internal/reference/resize_bilinear.h;
    xnn_indirection_init_resize_bilinear2d_hwc_q11 in XNNPACK/src/indirection.c; XNNPACK/src/s8-ibilinear.
    """
    x, (rows, columns) = call.input(0), call.output.shape[1:3]
    if x.type not in ("INT8", "INT16"):
        raise call.refuse(f"type {x.type}")
    codes = x.values.astype(np.int64)
    is_delegated = call.kernel_set == "xnnpack" and x.type == "INT8" and call.input(1).is_constant
    line = _xnnpack_line if is_delegated else _litert_line
    vertical, horizontal = line(call, codes.shape[1], rows), line(call, codes.shape[2], columns)
    total = horizontal.blend(vertical.blend(codes, axis=1), axis=2)
    bits = 2 * vertical.bits
    half = 1 << (bits - 1)
    if is_delegated:
        rounded = (total + half) >> bits
    else:
        rounded = np.where(total > 0, (total + half) >> bits, -((half - total) >> bits))
    return moved(call, rounded.astype(call.output.dtype))


@dataclass(frozen=True)
class _Line:
    """For each pixel along one axis of the output: the input pixels before and after, and the weight of the latter."""

    before: NDArray[np.int64]
    after: NDArray[np.int64]
    weight: NDArray[np.int64]
    bits: int

    def blend(self, codes: NDArray[np.int64], axis: int) -> NDArray[np.int64]:
        """The weighted sum of both, `bits` bits up."""
        weight = self.weight.reshape([-1 if position == axis else 1 for position in range(codes.ndim)])
        before, after = codes.take(self.before, axis), codes.take(self.after, axis)
        return before * ((1 << self.bits) - weight) + after * weight


def litert_places(length: int, target: int, options: Mapping[str, Any]) -> NDArray[np.int64]:
    """Where LiteRT's kernels look for each pixel of the output along one axis, with 10 fractional bits.

    The last place may lie at `length` and beyond, where the kernel reads memory that is not the tensor's.
    """
    ends = 1 if options.get("align_corners") and target > 1 else 0
    scale = (1024 * (length - ends) + (target - ends) // 2) // (target - ends)
    place = np.arange(target) * scale
    return place + scale // 2 - 512 if options.get("half_pixel_centers") else place


def _litert_line(call: Call, length: int, target: int) -> _Line:
    place = litert_places(length, target, call.options)
    before = np.maximum(place, 0) >> 10
    if before[-1] >= length:
        raise call.refuse(f"{length} pixels spread over {target}, where the kernel reads past the last,")
    return _Line(before, np.minimum((place + 1023) >> 10, length - 1), place - (before << 10), 10)


def _xnnpack_line(call: Call, length: int, target: int) -> _Line:
    ends = 1 if call.options.get("align_corners") and target > 1 else 0
    scale = np.float32(length - ends) / np.float32(target - ends)
    place = np.arange(target, dtype=np.float32) * scale
    if call.options.get("half_pixel_centers") and not call.options.get("align_corners"):
        place = place + (np.float32(0.5) * scale - np.float32(0.5))
    place = np.clip(place, np.float32(0), np.float32(length - 1))
    before = place.astype(np.int64)
    weight = np.rint((place - before.astype(np.float32)) * np.float32(2048)).astype(np.int64)
    return _Line(before, np.minimum(before + 1, length - 1), weight, 11)
