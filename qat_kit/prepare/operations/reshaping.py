"""The same numbers in another shape or order: reshapes, transposes, joins, repetitions, padding."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import tf_keras

from qat_kit.layers import DepthSpace, Pad, StridedSlice
from qat_kit.prepare.operations.lowering import Lowering, Tensor, constant

_layers = tf_keras.layers

_PADDINGS = {3: _layers.ZeroPadding1D, 4: _layers.ZeroPadding2D, 5: _layers.ZeroPadding3D}


def reshape(step: Lowering, x: Tensor, shape: Any) -> Tensor:
    """x in another shape; the batch stays the first axis. None and a batch's size stand for the batch."""
    wanted = [None if size is None else int(size) for size in _sizes(shape)]
    batch, num_elements = step.shape(x)[0], math.prod(step.sizes(x))
    if not wanted:
        step.refuse("It makes a scalar; a result needs a batch.")
    first, *rest = wanted
    if None in rest:
        step.refuse(f"Its shape {wanted} has a size that is not known.")
    known = [size for size in rest if size is not None]
    if -1 in known:
        others = math.prod(size for size in known if size != -1)
        if first == -1 or num_elements % others:
            step.refuse(f"Its shape {wanted} does not hold the {num_elements} numbers of one sample.")
        known = [num_elements // others if size == -1 else size for size in known]
    if math.prod(known) != num_elements or (first not in (None, -1) and first != batch):
        step.refuse(
            f"Its shape {wanted} does not keep the batch of {list(step.shape(x))} as its first axis; reshape each "
            "sample alone: (-1, …) or (batch, …)."
        )
    return step.reshape(x, *known)


def flatten(step: Lowering, x: Tensor) -> Tensor:
    """[batch, all]."""
    return step.reshape(x, math.prod(step.sizes(x)))


def transpose(step: Lowering, x: Tensor, axes: Any = None) -> Tensor:
    """Axis i of the result is axis axes[i] of x; the batch stays first."""
    rank = step.rank(x)
    order = list(range(rank))[::-1] if axes is None else [int(axis) % rank for axis in _sizes(axes)]
    if order[0] != 0:
        step.refuse(f"It moves the batch (axes {order}); a layer's output has the batch first.")
    return step.permute(x, *order)


def swap_axes(step: Lowering, x: Tensor, axis1: Any, axis2: Any) -> Tensor:
    """Two axes change places."""
    order = list(range(step.rank(x)))
    first, second = (step.axis(axis, len(order)) for axis in (axis1, axis2))
    order[first], order[second] = order[second], order[first]
    return step.permute(x, *order)


def move_axis(step: Lowering, x: Tensor, source: Any, destination: Any) -> Tensor:
    """As `numpy.moveaxis`."""
    rank = step.rank(x)
    sources, destinations = ([step.axis(axis, rank) for axis in np.atleast_1d(axes)] for axes in (source, destination))
    order = [axis for axis in range(rank) if axis not in sources]
    for target, axis in sorted(zip(destinations, sources, strict=True)):
        order.insert(target, axis)
    return step.permute(x, *order)


def transpose_matrices(step: Lowering, x: Tensor) -> Tensor:
    """The last two axes change places."""
    return swap_axes(step, x, -2, -1)


def expand_dims(step: Lowering, x: Tensor, axis: Any) -> Tensor:
    """New axes of size 1, counted in the result."""
    numbers = [int(number) for number in np.atleast_1d(constant(axis))]
    rank = step.rank(x) + len(numbers)
    sizes: list[int | None] = list(step.shape(x))
    for number in sorted(step.axis(number, rank) for number in numbers):
        sizes.insert(number, 1)
    return step.reshape(x, *sizes[1:])


def squeeze(step: Lowering, x: Tensor, axis: Any = None) -> Tensor:
    """Without axes of size 1: those named, or all."""
    shape = step.shape(x)
    if axis is None or (isinstance(axis, list | tuple) and not axis):
        dropped = [number for number, size in enumerate(shape) if number and size == 1]
    else:
        dropped = [step.axis(number, len(shape)) for number in np.atleast_1d(constant(axis))]
    if any(shape[number] != 1 for number in dropped):
        step.refuse(f"It drops axes {dropped} of {list(shape)}, which are not all of size 1.")
    return step.reshape(x, *(size for number, size in enumerate(shape) if number and number not in dropped))


def identity(step: Lowering, x: Tensor) -> Tensor:
    """x: what only training sees."""
    return x


def cast(step: Lowering, x: Tensor, dtype: Any) -> Tensor:
    """x, where the type is of real numbers and stays so."""
    name = str(getattr(dtype, "name", dtype))
    source = step.producer(x)
    held = str(source.config.get("dtype") or "float32") if source.layer_class is _layers.InputLayer else "float32"
    if not (name.startswith(("float", "bfloat")) and held.startswith("float")):
        step.refuse(f"It makes {name} of {held}. Give the model float32 inputs, or cast before the model.")
    return x


def concat(step: Lowering, values: Sequence[Any], axis: Any) -> Tensor:
    """Tensors joined along an axis."""
    tensors = _tensors(step, values)
    return step.join(tensors, step.axis(constant(axis), step.rank(tensors[0])))


def stack(step: Lowering, values: Sequence[Any], axis: Any = 0) -> Tensor:
    """Tensors joined along a new axis."""
    tensors = _tensors(step, values)
    number = step.axis(axis, step.rank(tensors[0]) + 1)
    return step.join([expand_dims(step, tensor, number) for tensor in tensors], number)


def tile(step: Lowering, x: Tensor, multiples: Any) -> Tensor:
    """x as often as the multiples say along each axis, one whole behind the other."""
    counts = [int(count) for count in _sizes(multiples)]
    if len(counts) > step.rank(x):
        step.refuse(f"It makes more axes than the {step.rank(x)} there are; reshape first.")
    counts = [1] * (step.rank(x) - len(counts)) + counts
    if counts[0] != 1:
        step.refuse("It repeats the batch (axis 0); repeat within each sample.")
    for axis, count in enumerate(counts):
        x = step.join([x] * count, axis)
    return x


def repeat(step: Lowering, x: Tensor, repeats: Any, axis: Any = None) -> Tensor:
    """Each element of an axis `repeats` times in a row."""
    if axis is None or constant(repeats).size != 1:
        step.refuse("It needs an axis and one number of repeats.")
    number, count = step.axis(axis, step.rank(x)), int(constant(repeats).reshape(()))
    sizes = list(step.shape(x))
    repeated = step.join([expand_dims(step, x, number + 1)] * count, number + 1)
    sizes[number] = step.size(x, number) * count
    return step.reshape(repeated, *sizes[1:])


def broadcast_to(step: Lowering, x: Tensor, shape: Any) -> Tensor:
    """x repeated along the axes where it has size 1."""
    wanted = [None if size is None else int(size) for size in _sizes(shape)]
    have = step.shape(x)
    if len(wanted) != len(have) or wanted[0] not in (None, -1, have[0]):
        step.refuse(f"It broadcasts {list(have)} to {wanted}; the batch must stay, and the number of axes.")
    counts = [1]
    for size, target in zip(have[1:], wanted[1:], strict=True):
        counts.append(target if size == 1 and target not in (None, -1) else 1)
    return tile(step, x, counts)


def pad(step: Lowering, x: Tensor, paddings: Any, mode: Any = "CONSTANT", constant_values: Any = 0) -> Tensor:
    """Rows before and behind each axis: of one number, or the tensor's own mirrored (REFLECT, SYMMETRIC)."""
    pairs = [(int(before), int(behind)) for before, behind in np.asarray(constant(paddings)).tolist()]
    if any(pairs[0]):
        step.refuse("It pads the batch (axis 0); pad within each sample.")
    if str(mode).upper() in ("REFLECT", "SYMMETRIC"):
        for axis, pair in enumerate(pairs):
            x = _mirrored(step, x, axis, pair, offset=1 if str(mode).upper() == "REFLECT" else 0)
        return x
    if str(mode).upper() != "CONSTANT":
        step.refuse(f"Its mode is {mode!r}; expected CONSTANT, REFLECT or SYMMETRIC.")
    value = float(constant(0 if constant_values is None else constant_values).reshape(()))
    padded = _padded_with_zeros(step, step.affine(x, 1.0, -value) if value else x, pairs)
    return step.affine(padded, 1.0, value) if value else padded


def _padded_with_zeros(step: Lowering, x: Tensor, pairs: list[tuple[int, int]]) -> Tensor:
    if not any(map(any, pairs)):
        return x
    if len(pairs) in _PADDINGS and not any(pairs[-1]):
        spatial = pairs[1:-1]
        return step.add(_PADDINGS[len(pairs)], x, padding=spatial[0] if len(spatial) == 1 else spatial)
    return step.add(Pad, x, paddings=pairs[1:])


def _mirrored(step: Lowering, x: Tensor, axis: int, pair: tuple[int, int], *, offset: int) -> Tensor:
    """offset: 1 leaves out the row at the edge."""
    before, behind = pair
    parts = [x]
    if before:
        parts.insert(0, _part(step, x, axis, before + offset - 1, offset - 1 if offset else None, -1))
    if behind:
        parts.append(_part(step, x, axis, -1 - offset, -1 - offset - behind, -1))
    return step.join(parts, axis)


def _part(step: Lowering, x: Tensor, axis: int, start: int, stop: int | None, stride: int) -> Tensor:
    whole: list[tuple[int | None, ...]] = [(None, None, None)] * (axis - 1)
    return step.add(StridedSlice, x, slices=[*whole, (start, stop, stride)])


def reverse(step: Lowering, x: Tensor, axis: Any = None) -> Tensor:
    """The axes back to front."""
    axes = range(step.rank(x)) if axis is None else np.atleast_1d(constant(axis))
    for number in sorted(step.axis(number, step.rank(x)) for number in axes):
        x = _part(step, x, number, -1, None, -1)
    return x


def roll(step: Lowering, x: Tensor, shift: Any, axis: Any = None) -> Tensor:
    """The elements of an axis moved on, the last ones to the front."""
    if axis is None:
        step.refuse("It needs an axis; without one it rolls over the batch.")
    for number, count in zip(np.atleast_1d(constant(axis)), np.atleast_1d(constant(shift)), strict=True):
        number = step.axis(number, step.rank(x))
        size = step.size(x, number)
        if count % size:
            cut = int(size - count % size)
            x = step.join([_part(step, x, number, cut, None, 1), _part(step, x, number, 0, cut, 1)], number)
    return x


def depth_space(step: Lowering, x: Tensor, block_size: Any, data_format: Any = "NHWC", *, function: str) -> Tensor:
    """Blocks of pixels to channels, or back."""
    if data_format not in ("NHWC", "channels_last"):
        step.refuse(f"Its data_format is {data_format!r}; put channels last.")
    return step.add(DepthSpace, x, function=function, block_size=int(block_size))


def _sizes(shape: Any) -> list[Any]:
    if isinstance(shape, list | tuple):
        return list(shape)
    values: list[Any] = np.atleast_1d(constant(shape)).tolist()
    return values


def _tensors(step: Lowering, values: Sequence[Any]) -> list[Tensor]:
    if not all(isinstance(value, Tensor) for value in values):
        step.refuse("One of what it joins is a constant; join tensors alone, or add the constant after padding.")
    return list(values)
