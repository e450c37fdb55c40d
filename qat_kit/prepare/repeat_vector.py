"""RepeatVector → the vector joined to itself, and a reshape. LiteRT's reference kernels have no TILE."""

from __future__ import annotations

import tf_keras

from qat_kit.prepare.decomposition import Decomposition
from qat_kit.prepare.graph import Graph

_layers = tf_keras.layers


def repeat_by_joining(graph: Graph) -> Graph:
    """Replaces every RepeatVector: [features] → [n · features] → [n, features]."""
    for node in tuple(graph.nodes.values()):
        if node.layer_class is not _layers.RepeatVector:
            continue
        parts = Decomposition(graph, graph.nodes[node.name])
        joined = parts.join(parts.node.inputs * int(node.config["n"]))
        graph = parts.replaced(parts.reshape(joined, *node.output_shape[1:]))
    return graph
