"""Parts of a tensor: slices, splits, rows picked by constant numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import tf_keras

from qat_kit.layers import StridedSlice
from qat_kit.prepare.operations.lowering import Lowering, Tensor, constant
from qat_kit.prepare.operations.reshaping import expand_dims

_Triple = tuple[int | None, int | None, int | None]
_WHOLE: _Triple = (None, None, None)


def get_item(step: Lowering, x: Tensor, key: Any) -> Tensor:
    """`x[key]`, with whole numbers, slices, `...` and new axes."""
    keys = list(key) if isinstance(key, tuple | list) else [key]
    num_axes = sum(item is not None and item is not Ellipsis for item in keys)
    if sum(item is Ellipsis for item in keys) == 0:
        keys.append(Ellipsis)
    position = next(index for index, item in enumerate(keys) if item is Ellipsis)
    keys[position : position + 1] = [slice(None)] * (step.rank(x) - num_axes)
    triples: list[_Triple] = []
    squeezed: list[int] = []
    added: list[int] = []
    for item in keys:
        if item is None:
            added.append(len(triples) - len(squeezed) + len(added))
            continue
        triple = _triple(step, item)
        if not isinstance(triple, tuple):
            squeezed.append(len(triples))
            triple = (triple, triple + 1 or None, 1)
        triples.append(triple)
    if not triples or 0 in squeezed or 0 in added or not _is_whole(triples[0]):
        step.refuse("It takes a part of the batch (axis 0); take parts of each sample: x[:, …].")
    part = x
    if squeezed or not all(map(_is_whole, triples)):
        part = step.add(StridedSlice, x, slices=[list(triple) for triple in triples[1:]], squeezed_axes=squeezed)
    return expand_dims(step, part, added) if added else part


def _triple(step: Lowering, item: Any) -> _Triple | int:
    if isinstance(item, Mapping):
        item = slice(item["start"], item["stop"], item["step"])
    if isinstance(item, slice):
        parts = (item.start, item.stop, item.step)
        if any(isinstance(part, Tensor) for part in parts):
            step.refuse("Its slice is computed by the model; use constants.")
        start, stop, stride = (None if part is None else int(constant(part)) for part in parts)
        return start, stop, stride
    if isinstance(item, Tensor) or constant(item).ndim or constant(item).dtype.kind not in "iu":
        step.refuse("It picks elements by a tensor or a mask; use whole numbers and slices.")
    return int(constant(item))


def _is_whole(triple: _Triple) -> bool:
    start, stop, stride = triple
    return start in (None, 0) and stop is None and stride in (None, 1)


def begin_and_size(step: Lowering, x: Tensor, begin: Any, size: Any) -> Tensor:
    """size[i] elements of axis i from begin[i] on; −1 for all that are left, None for the batch."""
    known = [-1 if count is None else count for count in size] if isinstance(size, list | tuple) else size
    starts, counts = (np.atleast_1d(constant(value)).tolist() for value in (begin, known))
    if starts[0] != 0 or counts[0] not in (-1, None, step.shape(x)[0]):
        step.refuse("It takes a part of the batch (axis 0); take parts of each sample.")
    key = [slice(start, None if count == -1 else start + count) for start, count in zip(starts, counts, strict=True)]
    return get_item(step, x, (slice(None), *key[1:]))


def split(step: Lowering, x: Tensor, num_or_size_splits: Any, axis: Any = 0) -> list[Tensor]:
    """Equal parts (a number), or parts of given sizes (a list, one of them −1 for the rest)."""
    number = step.axis(constant(axis), step.rank(x))
    total = step.size(x, number)
    wanted = constant(num_or_size_splits)
    if wanted.ndim == 0:
        count = int(wanted)
        if total % count:
            step.refuse(f"Its axis of {total} cannot be split into {count} equal parts.")
        sizes = [total // count] * count
    else:
        sizes = wanted.tolist()
        sizes = [total - (sum(sizes) + 1) if size == -1 else size for size in sizes]
    return cut(step, x, number, np.cumsum(sizes)[:-1].tolist())


def split_at(step: Lowering, x: Tensor, indices_or_sections: Any, axis: Any = 0) -> list[Tensor]:
    """As `numpy.split`: equal parts (a number), or cut before the given indices."""
    if constant(indices_or_sections).ndim == 0:
        return split(step, x, indices_or_sections, axis)
    return cut(step, x, step.axis(axis, step.rank(x)), constant(indices_or_sections).tolist())


def cut(step: Lowering, x: Tensor, axis: int, indices: Sequence[int]) -> list[Tensor]:
    """The parts of an axis between the indices."""
    edges = [0, *indices, step.size(x, axis)]
    return [_rows(step, x, axis, slice(start, stop)) for start, stop in pairwise(edges)]


def unstack(step: Lowering, x: Tensor, num: Any = None, axis: Any = 0) -> list[Tensor]:
    """One tensor for each element of an axis, which is gone then."""
    number = step.axis(axis, step.rank(x))
    return [_rows(step, x, number, index) for index in range(step.size(x, number))]


def gather(step: Lowering, params: Any, indices: Any, axis: Any = None, batch_dims: Any = 0) -> Tensor:
    """Elements of an axis by constant numbers; or rows of a constant table by a tensor of numbers: an embedding."""
    if int(constant(batch_dims)) != 0:
        step.refuse("Its batch_dims is not 0: it picks other elements from each sample.")
    if not isinstance(params, Tensor):
        return _embedding(step, constant(params), indices, 0 if axis is None else int(constant(axis)))
    if isinstance(indices, Tensor):
        step.refuse("It picks elements by numbers that the model computes; use constants.")
    number = step.axis(0 if axis is None else constant(axis), step.rank(params))
    size = step.size(params, number)
    wanted = constant(indices)
    if wanted.ndim == 0:
        return _rows(step, params, number, int(wanted) % size)
    rows = [int(index) % size for index in wanted.reshape(-1)]
    strides = set(np.diff(rows).tolist())
    if len(strides) == 1 and (stride := strides.pop()):
        stop = rows[-1] + (1 if stride > 0 else -1)
        taken = _rows(step, params, number, slice(rows[0], None if stop < 0 else stop, stride))
    else:
        taken = step.join([_rows(step, params, number, slice(row, row + 1)) for row in rows], number)
    if wanted.ndim == 1:
        return taken
    sizes = list(step.shape(params))
    return step.reshape(taken, *sizes[1:number], *wanted.shape, *sizes[number + 1 :])


def _embedding(step: Lowering, table: Any, indices: Any, axis: int) -> Tensor:
    if table.ndim != 2 or axis != 0 or not isinstance(indices, Tensor):
        step.refuse("It picks from a constant; expected rows of a table [rows, columns], by a tensor of numbers.")
    rows, columns = table.shape
    return step.add(
        tf_keras.layers.Embedding,
        indices,
        input_dim=rows,
        output_dim=columns,
        weights=[table],
        shape=(*step.shape(indices), columns),
    )


def _rows(step: Lowering, x: Tensor, axis: int, key: slice | int) -> Tensor:
    return get_item(step, x, (*[slice(None)] * axis, key))
