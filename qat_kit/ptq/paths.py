"""Kernels that pass channels to one another: where a factor can leave one and enter the next.

Between them stand only layers f with f(s · x) = s · f(x) for s > 0: ReLU without a maximum, leaky ReLU, PReLU, pools,
padding with zeros, flattening, and the others of `prepare.affine_moves`. A branch ends a path.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tf_keras
from numpy.typing import NDArray

from qat_kit.prepare.activations import activation_name
from qat_kit.prepare.affine_moves import through
from qat_kit.prepare.graph import Graph, Node
from qat_kit.prepare.linear import INPUT_AXES, OUTPUT_AXES
from qat_kit.prepare.relu import relu_maximum

_layers = tf_keras.layers


@dataclass(frozen=True, kw_only=True)
class ChannelPath:
    """Two layers with kernels, the second of which alone reads what the first computes.

    channels: of each input channel of `second`, the output channel of `first` that it comes from; behind a flattening,
    several come from one. maxima: the layers between that stop at a maximum (ReLU6), which no factor passes.
    """

    first: str
    second: str
    channels: NDArray[np.int64]
    maxima: tuple[str, ...] = ()


def find_paths(graph: Graph, *, past_maxima: bool = False) -> tuple[tuple[ChannelPath, ...], dict[str, str]]:
    """The paths of a prepared graph, and of each other layer with a kernel why none begins there.

    past_maxima: go on behind a ReLU6, which the caller will replace.
    """
    paths: list[ChannelPath] = []
    stops: dict[str, str] = {}
    for node in graph.nodes.values():
        if node.layer_class in OUTPUT_AXES:
            found = _path_from(graph, node, past_maxima=past_maxima)
            if isinstance(found, str):
                stops[node.name] = found
            else:
                paths.append(found)
    return tuple(paths), stops


def _path_from(graph: Graph, first: Node, *, past_maxima: bool) -> ChannelPath | str:
    """The path that begins at a layer; why there is none."""
    if not _can_be_scaled(first):
        return "it is called at several places, or has groups or an activation of its own"
    # Channels are followed as the factors would go: each carries its number, from 1, since all must be positive.
    count = first.output_shape[-1] or 0
    carried = (np.arange(1.0, count + 1), np.zeros(count))
    node = first
    maxima: list[str] = []
    while True:
        if not graph.feeds_only_one(node.name):
            return f"the output of {node.name!r} is the model's own, or several layers read it"
        before, node = node, graph.nodes[graph.consumers(node.name)[0]]
        if node.layer_class in INPUT_AXES:
            if not _can_be_scaled(node):
                return f"{node.name!r} is called at several places, or has groups or an activation of its own"
            channels = carried[0].astype(np.int64) - 1
            return ChannelPath(first=first.name, second=node.name, channels=channels, maxima=tuple(maxima))
        if (maximum := relu_maximum(node)) is not None and not past_maxima:
            return f"{node.name!r} stops at {maximum:g}, which would differ by channel"
        if maximum is not None:
            maxima.append(node.name)
        elif not _is_homogeneous(node):
            moved = through(node, carried, after=before.output_shape, before=node.output_shape)
            if moved is None:
                return f"no factor passes {node.name!r} ({node.kind})"
            carried = (moved[0], moved[1])


def _can_be_scaled(node: Node) -> bool:
    """Whether the kernel can take factors: it belongs to this place alone, and what comes out is linear in it."""
    is_linear = activation_name(node) is None and node.config.get("groups", 1) == 1
    return is_linear and node.shares is None and not node.arguments


def _is_homogeneous(node: Node) -> bool:
    """Whether an activation, element by element, has f(s · x) = s · f(x) for every s > 0."""
    if node.layer_class is _layers.ReLU:
        return not node.config.get("max_value") and not node.config.get("threshold")
    if node.layer_class is _layers.Activation:
        return activation_name(node) is None
    return node.layer_class in (_layers.LeakyReLU, _layers.PReLU)
