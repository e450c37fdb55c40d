"""`x · relu6(x + 3) / 6`, written in parts → HARD_SWISH, one operator with an int8 kernel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import tf_keras

from qat_kit.layers import Elementwise, PerChannelAffine
from qat_kit.prepare.graph import Graph, Node

_layers = tf_keras.layers


def join_hard_swish(graph: Graph) -> Graph:
    """Replaces `Multiply([x, gate])` where gate is `relu6(x + 3) / 6`; what else reads a part keeps it."""
    for name in tuple(graph.nodes):
        node = graph.nodes.get(name)
        if node is None or node.layer_class is not _layers.Multiply or len(node.inputs) != 2:
            continue
        for source, gate in (node.inputs, node.inputs[::-1]):
            parts = _gate(graph, gate, source)
            if parts:
                config = {"name": name, "dtype": node.config["dtype"], "function": "hard_swish"}
                joined = replace(node, layer_class=Elementwise, config=config, inputs=(source,))
                graph = _without_unread(graph.replaced({name: (joined,)}), parts)
                break
    return graph


def _gate(graph: Graph, gate: str, source: str) -> tuple[str, ...]:
    """The nodes from the last of `relu6(source + 3) / 6` to its first; none where `gate` is something else."""
    scaled = graph.nodes.get(gate)
    relu = graph.nodes.get(scaled.inputs[0]) if scaled and _is_affine(scaled, 1 / 6, 0.0) else None
    moved = graph.nodes.get(relu.inputs[0]) if relu and _is_relu6(relu) else None
    if scaled is None or relu is None or moved is None or not _is_affine(moved, 1.0, 3.0) or moved.inputs != (source,):
        return ()
    return scaled.name, relu.name, moved.name


def _is_affine(node: Node, factor: float, offset: float) -> bool:
    if node.layer_class is not PerChannelAffine:
        return False
    return bool(np.allclose(node.weights[0], factor, rtol=1e-12, atol=0) and np.all(node.weights[1] == offset))


def _is_relu6(node: Node) -> bool:
    return (
        node.layer_class is _layers.ReLU
        and node.config.get("max_value") == 6.0
        and not node.config.get("negative_slope")
        and not node.config.get("threshold")
    )


def _without_unread(graph: Graph, names: tuple[str, ...]) -> Graph:
    """The graph without those of `names`, given last first, that nothing reads any more."""
    for name in names:
        if not graph.consumers(name) and name not in graph.outputs:
            graph = replace(graph, nodes={key: node for key, node in graph.nodes.items() if key != name})
    return graph
