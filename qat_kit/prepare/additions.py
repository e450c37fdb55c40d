"""Add and Multiply of three or more → a chain of two-input layers: the runtime's integer kernels take two."""

from __future__ import annotations

import tf_keras

from qat_kit.prepare.decomposition import Decomposition
from qat_kit.prepare.graph import Graph

_ASSOCIATIVE = (
    tf_keras.layers.Add,
    tf_keras.layers.Multiply,
    tf_keras.layers.Maximum,
    tf_keras.layers.Minimum,
)


def chain_additions(graph: Graph) -> Graph:
    """Replaces `Add([a, b, c])` by `Add([Add([a, b]), c])`; the last one keeps the name."""
    for name in tuple(graph.nodes):
        node = graph.nodes[name]
        if node.layer_class in _ASSOCIATIVE and len(node.inputs) > 2:
            parts = Decomposition(graph, node)
            total, *terms = node.inputs
            for index, term in enumerate(terms, start=1):
                total = parts.add(node.layer_class, total, term, part=f"part{index}")
            graph = parts.replaced(total)
    return graph
