"""TimeDistributed → the layer within it, on all steps at once.

A layer that works on the last axis alone takes the sequence as it is. Any other runs with the steps in the batch: one
RESHAPE before it and one behind. A model within is taken apart like any nested model.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import tf_keras

from qat_kit.layers import JoinBatch, SplitBatch
from qat_kit.prepare.decomposition import Decomposition
from qat_kit.prepare.graph import Graph, Node, free_name
from qat_kit.prepare.reading import read_graph

_layers = tf_keras.layers

# What they do to a vector does not depend on where it stands.
_ON_LAST_AXIS = (
    *(_layers.Dense, _layers.Activation, _layers.ReLU, _layers.LeakyReLU, _layers.ELU, _layers.Dropout),
    *(_layers.GaussianNoise, _layers.GaussianDropout, _layers.Rescaling),
)


def spread_time_distributed(graph: Graph) -> Graph:
    """Takes every TimeDistributed layer apart, those within another too.

    Raises UnsupportedLayerError naming the layer when its shape but for the batch is not known.
    """
    while node := next(_found(graph), None):
        parts = Decomposition(graph, node)
        graph = parts.replaced(_spread(parts))
    return graph


def _found(graph: Graph) -> Iterator[Node]:
    return (node for node in graph.nodes.values() if node.layer_class is _layers.TimeDistributed)


def _spread(parts: Decomposition) -> str:
    node = parts.node
    if len(node.inputs) != 1 or set(node.arguments) - {"inputs"}:
        parts.refuse("Call it with one tensor, and without a mask.")
    shape = parts.shape(node.inputs[0])
    steps, *_ = parts.sizes(node.inputs[0])
    inner = _inner_graph(node, shape)
    layers = [inner.nodes[name] for name in inner.nodes if name not in inner.inputs]
    if len(layers) == 1 and layers[0].layer_class in _ON_LAST_AXIS:
        (layer,) = layers
        return parts.put(_renamed(node, layer, {inner.inputs[0]: node.inputs[0]}, node.name, node.output_shape))
    joined = parts.add(JoinBatch, node.inputs[0], part="steps", shape=(shape[0], *shape[2:]))
    names: dict[str, str] = {inner.inputs[0]: joined}
    for layer in layers:
        name = free_name(f"{node.name}_{layer.name}", parts.graph.nodes, parts.nodes)
        parts.put(_renamed(node, layer, names, name, layer.output_shape))
        names |= {f"{layer.name}{end}": f"{name}{end}" for end in ("", *(f":{index}" for index in range(1, 9)))}
    return parts.add(SplitBatch, names[inner.outputs[0]], shape=node.output_shape, length=steps)


def _inner_graph(node: Node, shape: tuple[int | None, ...]) -> Graph:
    """What the layer computes at one step, as a graph of its own."""
    wrapper = node.layer_class.from_config(dict(node.config))
    wrapper.build(shape)
    wrapper.set_weights([np.asarray(weight, np.float32) for weight in node.weights])
    step = tf_keras.Input(batch_shape=(shape[0], *shape[2:]), name=f"{node.name}_step")
    return read_graph(tf_keras.Model(step, wrapper.layer(step)))


def _renamed(node: Node, layer: Node, names: dict[str, str], name: str, output_shape: Any) -> Node:
    """A node of the inner graph in the outer one."""
    shares = f"{node.shares or node.name}_{layer.shares or layer.name}" if node.shares or layer.shares else None
    return replace(
        layer.renamed(name),
        inputs=tuple(names[source] for source in layer.inputs),
        output_shape=output_shape,
        origins=node.origins,
        shares=shares,
    )
