"""Average → a sum and a factor, which goes into a kernel beside it."""

from __future__ import annotations

import tf_keras

from qat_kit.prepare.decomposition import Decomposition
from qat_kit.prepare.graph import Graph


def replace_average(graph: Graph) -> Graph:
    """Replaces `Average([a, b, …])` by `Add([a, b, …]) · 1/n`."""
    for name in tuple(graph.nodes):
        node = graph.nodes[name]
        if node.layer_class is tf_keras.layers.Average:
            parts = Decomposition(graph, node)
            total = parts.add(tf_keras.layers.Add, *node.inputs, part="sum", shape=node.output_shape)
            graph = parts.replaced(parts.affine(total, 1 / len(node.inputs)))
    return graph
