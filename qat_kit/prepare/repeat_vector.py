"""RepeatVector → the vector joined to itself, and a reshape. LiteRT's reference kernels have no TILE."""

from __future__ import annotations

import tf_keras

from qat_kit.prepare.graph import Graph
from qat_kit.prepare.parts import Parts

_layers = tf_keras.layers


def repeat_by_joining(graph: Graph) -> Graph:
    """Replaces every RepeatVector: [features] → [n · features] → [n, features]."""
    for node in tuple(graph.nodes.values()):
        if node.layer_class is not _layers.RepeatVector:
            continue
        parts = Parts(graph=graph, node=graph.nodes[node.name])
        count, features = (int(size or 0) for size in node.output_shape[1:])
        tensor = parts.node.inputs[0]
        if count > 1:
            tensor = parts.add("joined", _layers.Concatenate, (tensor,) * count, (count * features,), axis=-1)
        parts.reshape("", tensor, (count, features))
        graph = graph.replaced({node.name: parts.nodes})
    return graph
