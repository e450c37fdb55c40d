"""Embedding: indices in, rows of a table out. Its input becomes one of integers."""

from __future__ import annotations

from dataclasses import replace

import tf_keras

from qat_kit.errors import UnsupportedLayerError
from qat_kit.layers import NotEqual
from qat_kit.prepare.graph import Graph, Node

_layers = tf_keras.layers

INDEX_DTYPE = "int32"


def take_integer_indices(graph: Graph) -> Graph:
    """Makes every input that only embeddings, and masks beside them, read one of int32, whatever it was declared with.

    Keras rounds real indices down itself, and `Embedding(…, input_length=10)` as a first layer makes an input of
    float32: the file would have to hold indices as quantized numbers. Raises UnsupportedLayerError for an embedding
    whose indices another layer computes, or whose input another layer reads too.
    """
    indices: dict[str, Node] = {}
    for node in graph.nodes.values():
        if node.layer_class is not _layers.Embedding:
            continue
        source = graph.nodes[node.inputs[0].partition(":")[0]]
        if source.layer_class is not _layers.InputLayer:
            raise UnsupportedLayerError(
                node.name,
                node.kind,
                f"Its indices come from layer {source.name!r} ({source.kind}), and no operator computes indices from "
                "quantized numbers. Give the model the indices as an input: tf_keras.Input(shape, dtype='int32').",
            )
        others = [
            name
            for name in graph.consumers(source.name)
            if graph.nodes[name].layer_class not in (_layers.Embedding, NotEqual)
        ]
        if others or source.name in graph.outputs:
            raise UnsupportedLayerError(
                node.name,
                node.kind,
                f"Its input {source.name!r} is also read by {', '.join(others) or 'the output'}; give the indices an "
                "input of their own: tf_keras.Input(shape, dtype='int32').",
            )
        indices[source.name] = source
    return graph.replaced(
        {name: (replace(node, config={**node.config, "dtype": INDEX_DTYPE}),) for name, node in indices.items()}
    )
