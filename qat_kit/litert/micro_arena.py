"""How large tflite-micro's arena must be for a graph: `micro_arena_bytes`.

Its planner is not LiteRT's, and all that it remembers of a graph lies in the same arena.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from qat_kit.litert.arena import num_bytes
from qat_kit.litert.records import Operator, Subgraph

_ALIGNMENT_BYTES = 16
# What a graph, an operator and a tensor take on a machine of 64 bits, found by giving its interpreter ever less; one of
# 32 bits takes less.
_GRAPH_BYTES, _OPERATOR_BYTES, _TENSOR_BYTES = 1_500, 240, 24
# A multiplier and a shift, int32 each, for each output channel.
_CHANNEL_BYTES = 8
_PER_CHANNEL = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED")


def micro_arena_bytes(graph: Subgraph) -> int:
    """An arena that is large enough for one inference of the graph, and not much larger.

    Of integer graphs without state and without custom operators; kernels of a vendor may want scratch memory beside it.

    Source: tflite-micro, memory_planner/greedy_memory_planner.cc, micro_allocator.cc (AllocationInfoBuilder).
    """
    channels = sum(
        graph.tensors[operator.inputs[1]].scale.size for operator in graph.operators if operator.op in _PER_CHANNEL
    )
    kept = (
        _GRAPH_BYTES
        + _OPERATOR_BYTES * len(graph.operators)
        + _TENSOR_BYTES * len(graph.tensors)
        + _CHANNEL_BYTES * channels
    )
    return _aligned(kept) + _planned(list(_lives(graph)))


def _planned(buffers: list[tuple[int, int, int]]) -> int:
    """The end of the last buffer: the largest first, each at the lowest offset that is free while it lives.

    buffers: (bytes, first operator, last operator).
    """
    placed: list[tuple[int, int, int, int]] = []  # offset, and the rest
    for size, first, last in sorted(buffers, key=lambda buffer: -buffer[0]):
        offset = 0
        for start, length, begin, end in sorted(placed):
            if begin <= last and first <= end:
                if start - offset >= size:
                    break
                offset = max(offset, start + length)
        placed.append((offset, size, first, last))
    return max((offset + size for offset, size, *_ in placed), default=0)


def _lives(graph: Subgraph) -> Iterator[tuple[int, int, int]]:
    """(bytes, first operator, last operator) of each activation, and of each kernel's scratch memory."""
    end = len(graph.operators) - 1
    first = dict.fromkeys(graph.inputs, 0)
    last: dict[int, int] = {}
    for position, operator in enumerate(graph.operators):
        for index in operator.outputs:
            first.setdefault(index, position)
            last.setdefault(index, position)
        for index in operator.inputs:
            last[index] = position
        scratch = _scratch_bytes(graph, operator)
        if scratch:
            yield _aligned(scratch), position, position
    last |= dict.fromkeys(graph.outputs, end)
    for index, begin in first.items():
        tensor = graph.tensors[index]
        if not tensor.is_constant:
            yield _aligned(num_bytes(tensor)), begin, last.get(index, begin)


def _scratch_bytes(graph: Subgraph, operator: Operator) -> int:
    """What the plain kernel takes for itself during the operator."""
    if operator.op == "TRANSPOSE_CONV":
        result = graph.tensors[operator.outputs[0]]
        return (8 if result.type == "INT16" else 4) * prod(result.shape)
    if operator.op in ("MEAN", "SUM"):
        return 4 * prod(graph.tensors[operator.outputs[0]].shape) + 8 * len(graph.tensors[operator.inputs[0]].shape)
    if operator.op in _PER_CHANNEL and graph.tensors[operator.inputs[1]].type == "INT4":
        return prod(graph.tensors[operator.inputs[1]].shape)
    return 0


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT_BYTES) * _ALIGNMENT_BYTES
