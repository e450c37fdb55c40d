"""How much memory LiteRT lays out for the activations of a graph: `plan_arena`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from qat_kit.litert.records import TYPE_BITS, Subgraph, Tensor

ALIGNMENT_BYTES = 64
# The plan takes time that grows with the square of their number; this many take half a second.
PLANNED_TENSORS_AT_MOST = 8000
_NEVER = 1 << 31


@dataclass(frozen=True)
class ArenaPlan:
    """Where each activation lies.

    arena_bytes: what the arena needs. persistent_bytes: what variables take beside it, for good. offsets: tensor index
    → its first byte; a reshaped tensor lies where the tensor that it was made of does.
    """

    arena_bytes: int
    persistent_bytes: int
    offsets: dict[int, int]

    @property
    def total_bytes(self) -> int:
        """Both together."""
        return self.arena_bytes + self.persistent_bytes


def plan_arena(graph: Subgraph) -> ArenaPlan:
    """Lays out inputs, outputs and results of a graph as LiteRT's planner does; kernels' scratch memory is not known.

    A tensor lives from the operator that writes it to the last that reads it, inputs and outputs throughout. What lives
    throughout from the start comes first, then the larger before the smaller, each into the smallest gap between what
    lives beside it, at multiples of 64 bytes. RESHAPE works in place.

    Source: tflite/arena_planner.cc, SimpleMemoryArena::Allocate in tflite/simple_memory_arena.cc.
    """
    shared = _in_place(graph)
    lives = dict(_lives(graph, shared))
    placed = np.zeros((4, 0), np.int64)  # offset, bytes, first and last operator of each, by offset
    offsets: dict[int, int] = {}

    def order(index: int) -> tuple[int, ...]:
        first, last = lives[index]
        if first == 0 and last == _NEVER:
            return 0, index, 0
        return 1, -num_bytes(graph.tensors[index]), first

    for index in sorted(lives, key=order):
        first, last = lives[index]
        size = num_bytes(graph.tensors[index])
        beside = placed[:2, (placed[2] <= last) & (first <= placed[3])]
        offsets[index] = _gap(beside[0], beside[1], size)
        if size:
            place = np.searchsorted(placed[0], offsets[index], side="right")
            placed = np.insert(placed, place, (offsets[index], size, first, last), axis=1)
    persistent = 0
    for tensor in graph.tensors:
        if tensor.is_variable:
            persistent = _aligned(persistent) + num_bytes(tensor)
    offsets |= {index: offsets[root] for index, root in shared.items() if root in offsets}
    return ArenaPlan(int((placed[0] + placed[1]).max(initial=0)), persistent, offsets)


def planned_bytes(graph: Subgraph) -> int | None:
    """What a graph's activations and variables take; None where they are too many to plan."""
    if sum(not tensor.is_constant for tensor in graph.tensors) > PLANNED_TENSORS_AT_MOST:
        return None
    return plan_arena(graph).total_bytes


def num_bytes(tensor: Tensor) -> int:
    """What a tensor's elements take in memory; 0 for types without a fixed width."""
    return -(-prod(tensor.shape) * TYPE_BITS.get(tensor.type, 0) // 8)


def _gap(offsets: NDArray[np.int64], lengths: NDArray[np.int64], size: int) -> int:
    """The offset of the smallest gap that holds `size` bytes; behind all where there is none.

    offsets, lengths: of what lives beside it, by offset.
    """
    ends = np.concatenate([[0], np.maximum.accumulate(offsets + lengths)])
    starts = -(-ends // ALIGNMENT_BYTES) * ALIGNMENT_BYTES
    best, best_fit = int(starts[-1]), _NEVER << 16
    for gap in np.flatnonzero(starts[:-1] + size <= offsets):
        if offsets[gap] - starts[gap] < best_fit:
            # LiteRT keeps the gap without the alignment, and compares others with it.
            best, best_fit = int(starts[gap]), int(offsets[gap] - ends[gap])
    return best


def _aligned(offset: int) -> int:
    return -(-offset // ALIGNMENT_BYTES) * ALIGNMENT_BYTES


def _in_place(graph: Subgraph) -> dict[int, int]:
    """Result of a RESHAPE → the tensor in whose memory it lies."""
    shared: dict[int, int] = {}
    ends = {*graph.inputs, *graph.outputs}
    for operator in graph.operators:
        if operator.op != "RESHAPE" or not operator.inputs or not operator.outputs:
            continue
        source, result = operator.inputs[0], operator.outputs[0]
        if source < 0 or {source, result} & ends:
            continue
        if not graph.tensors[source].is_constant and not graph.tensors[source].is_variable:
            shared[result] = shared.get(source, source)
    return shared


def _lives(graph: Subgraph, shared: dict[int, int]) -> Iterator[tuple[int, tuple[int, int]]]:
    """Tensor index → the first and the last operator that need its memory."""
    first = dict.fromkeys(graph.inputs, 0)
    last: dict[int, int] = {}
    for position, operator in enumerate(graph.operators):
        for index in operator.outputs:
            if index >= 0:
                first.setdefault(index, position)
        for index in operator.inputs:
            if index >= 0:
                last[shared.get(index, index)] = position
    for index in (*graph.inputs, *graph.outputs):
        last[index] = _NEVER
    for index, position in first.items():
        tensor = graph.tensors[index]
        if index not in shared and not tensor.is_constant and not tensor.is_variable:
            yield index, (position, last.get(index, _NEVER))
