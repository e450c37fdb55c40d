"""Where the boxes of a graph's picture stand: layers from above to below, few crossings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

_SWEEPS = 6


@dataclass(frozen=True)
class Place:
    """Where a box stands: its layer from above, and its place from the left, in widths of a box."""

    layer: int
    column: float


@dataclass(frozen=True)
class Layout:
    """Boxes by number, and each edge as the places that it passes through, both ends included."""

    places: tuple[Place, ...]
    edges: tuple[tuple[Place, ...], ...]


def lay_out(num_nodes: int, edges: Sequence[tuple[int, int]]) -> Layout:
    """Every node one layer below the lowest of those before it; along each layer by the mean of its neighbours.

    edges: (from, to) with from < to, as the operators of a file run; others are left out, so that a ring in a file
    cannot turn for ever. An edge over several layers holds a place in each.

    Source: Sugiyama, Tagawa, Toda 1981, "Methods for Visual Understanding of Hierarchical System Structures".

    >>> [(place.layer, place.column) for place in lay_out(3, [(0, 1), (0, 2)]).places]
    [(0, 0.0), (1, -0.5), (1, 0.5)]
    """
    forward = sorted({(start, end) for start, end in edges if 0 <= start < end < num_nodes}, key=lambda edge: edge[1])
    depth = [0] * num_nodes
    for start, end in forward:
        depth[end] = max(depth[end], depth[start] + 1)
    layers: list[list[int]] = [[] for _ in range(max(depth, default=0) + 1)]
    for node, layer in enumerate(depth):
        layers[layer].append(node)
    chains, neighbours = [], _Neighbours(num_nodes)
    count = num_nodes
    for start, end in forward:
        chain = [start]
        for layer in range(depth[start] + 1, depth[end]):
            layers[layer].append(count)
            chain.append(count)
            count += 1
        chain.append(end)
        chains.append(chain)
        for above, below in pairwise(chain):
            neighbours.join(above, below)
    columns = _columns(layers, neighbours, count)
    layer_of = {node: layer for layer, nodes in enumerate(layers) for node in nodes}
    places = [Place(layer_of[node], columns[node]) for node in range(count)]
    return Layout(
        places=tuple(places[:num_nodes]),
        edges=tuple(tuple(places[node] for node in chain) for chain in chains),
    )


class _Neighbours:
    """Who stands above and below whom."""

    def __init__(self, num_nodes: int) -> None:
        self.above: dict[int, list[int]] = {node: [] for node in range(num_nodes)}
        self.below: dict[int, list[int]] = {node: [] for node in range(num_nodes)}

    def join(self, above: int, below: int) -> None:
        self.below.setdefault(above, []).append(below)
        self.above.setdefault(below, []).append(above)


def _columns(layers: list[list[int]], neighbours: _Neighbours, count: int) -> list[float]:
    columns = [0.0] * count
    for nodes in layers:
        _spread(nodes, columns)
    for sweep in range(_SWEEPS):
        downwards = sweep % 2 == 0
        beside = neighbours.above if downwards else neighbours.below
        for nodes in layers if downwards else reversed(layers):
            wishes = {node: _mean([columns[other] for other in beside.get(node, [])], columns[node]) for node in nodes}
            nodes.sort(key=lambda node: (wishes[node], columns[node]))
            _settle(nodes, wishes, columns)
    return columns


def _settle(nodes: list[int], wishes: dict[int, float], columns: list[float]) -> None:
    """As near to their wishes as they can stand, in their order and one width apart; their middle where it wished."""
    left: list[float] = []
    for node in nodes:
        left.append(max(wishes[node], left[-1] + 1) if left else wishes[node])
    drift = sum(place - wishes[node] for place, node in zip(left, nodes, strict=True)) / max(len(nodes), 1)
    for place, node in zip(left, nodes, strict=True):
        columns[node] = place - drift


def _spread(nodes: list[int], columns: list[float]) -> None:
    for place, node in enumerate(nodes):
        columns[node] = place - (len(nodes) - 1) / 2


def _mean(values: list[float], default: float) -> float:
    return sum(values) / len(values) if values else default
