"""STRIDED_SLICE: every so-manieth element of a block, in every kernel set."""

from __future__ import annotations

from types import EllipsisType
from typing import Any, TypeAlias

from numpy.typing import NDArray

from qat_kit.kernels.call import Call
from qat_kit.kernels.movement import integers, moved

_Index: TypeAlias = int | slice | EllipsisType | None


def strided_slice(call: Call) -> tuple[NDArray[Any], ...]:
    """`x[begin : end : stride]` on each axis, by NumPy's own rules. begin, end, stride: inputs 1 to 3.

    The masks of the options hold one bit an axis of the specification: begin_mask and end_mask leave the bound out,
    ellipsis_mask stands for all axes in between, new_axis_mask adds an axis of length 1, shrink_axis_mask takes the one
    index `begin` and drops the axis. With `offset`, end counts from begin.

    Source: tflite/kernels/strided_slice.cc, tflite/kernels/internal/strided_slice_logic.h.
    """
    if call.kernel_set == "tflite_micro" and (call.options.get("new_axis_mask") or call.options.get("offset")):
        raise call.refuse("a new axis or an offset, which it refuses,")
    begins, ends, strides = (integers(call.input(position)) for position in (1, 2, 3))
    index = tuple(
        _index(call, position, begin, end, stride)
        for position, (begin, end, stride) in enumerate(zip(begins, ends, strides, strict=True))
    )
    return moved(call, call.input(0).values[index])


def _index(call: Call, position: int, begin: int, end: int, stride: int) -> _Index:
    def masked(name: str) -> bool:
        return bool(int(call.options.get(name, 0)) >> position & 1)

    if masked("ellipsis_mask"):
        return Ellipsis
    if masked("new_axis_mask"):
        return None
    if masked("shrink_axis_mask"):
        return begin
    if call.options.get("offset"):
        end += begin
    return slice(None if masked("begin_mask") else begin, None if masked("end_mask") else end, stride)
