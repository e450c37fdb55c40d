"""What a model computes of its shapes (`tf.shape(x)[0]`, `2 * height`) → constants.

A size that depends on the batch is told by computing it for two batches; the batch itself becomes None.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf

from qat_kit.errors import UnsupportedLayerError
from qat_kit.prepare.building import call_layer, rebuilt_layer
from qat_kit.prepare.graph import Graph, Node, Operand, node_of, tensor_name

_SHAPES = ("compat.v1.shape", "shape", "shape_v2")
_BATCHES = (7, 11)


def replace_static_shapes(graph: Graph) -> Graph:
    """Puts constants in the place of tensors that are sizes, and drops what computed them."""
    known: dict[str, tuple[Any, Any]] = {}
    nodes: dict[str, Node] = {}
    for name, node in graph.nodes.items():
        if node.kind not in ("TFOpLambda", "SlicingOpLambda"):
            nodes[name] = node
        elif node.config["function"] in _SHAPES:
            shape = graph.shape_of(node.inputs[0])
            if None in shape[1:]:
                nodes[name] = node
            else:
                known[name] = _for_both(lambda batch, shape=shape: np.array([batch, *shape[1:]], np.int32))
        elif node.inputs and all(source in known for source in node.inputs):
            results = [_computed(node, [known[source][index] for source in node.inputs]) for index in range(2)]
            for index, pair in enumerate(zip(*results, strict=True)):
                known[tensor_name(name, index)] = pair
        else:
            nodes[name] = _with_constants(node, known) if any(source in known for source in node.inputs) else node
    needed = {node_of(source) for node in nodes.values() for source in node.inputs} | set(map(node_of, graph.outputs))
    missing = needed - set(nodes)
    if missing:
        raise UnsupportedLayerError(min(missing), "shape", "A layer takes it as a tensor; use a constant.")
    return replace(graph, nodes=nodes)


def _for_both(function: Any) -> tuple[Any, Any]:
    return function(_BATCHES[0]), function(_BATCHES[1])


def _computed(node: Node, inputs: list[Any]) -> list[Any]:
    outputs = call_layer(rebuilt_layer(node), node, [tf.constant(value) for value in inputs])
    return [output.numpy() for output in tf.nest.flatten(outputs)]


def _with_constants(node: Node, known: dict[str, tuple[Any, Any]]) -> Node:
    kept = [source for source in node.inputs if source not in known]
    positions = {source: index for index, source in enumerate(kept)}

    def placed(value: Any) -> Any:
        if not isinstance(value, Operand):
            return value
        source = node.inputs[value.index]
        return Operand(positions[source]) if source in positions else _constant(node, known[source])

    arguments = {key: tf.nest.map_structure(placed, value) for key, value in node.arguments.items()}
    return replace(node, inputs=tuple(kept), arguments=arguments)


def _constant(node: Node, pair: tuple[Any, Any]) -> Any:
    """A number, or a list of them; None where it is the batch."""
    first, second = (np.asarray(value) for value in pair)

    def size(one: Any, other: Any) -> Any:
        if one == other:
            return one
        if (one, other) == _BATCHES:
            return None
        raise UnsupportedLayerError(
            node.name, f"tf.{node.config['function']}", "It takes a size that is computed from the batch's."
        )

    if first.ndim == 0:
        return size(first.item(), second.item())
    return [size(one, other) for one, other in zip(first.tolist(), second.tolist(), strict=True)]
