"""Outputs keep their names: what an app calls them by must not depend on what a rewrite made of the last layer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import tf_keras

from qat_kit.errors import ModelError
from qat_kit.prepare.graph import Graph, Node, node_of, tensor_name


def keep_output_names(graph: Graph) -> Graph:
    """Gives each output that its layer does not name a layer of that name which does nothing.

    A layer names an output when it is called so, and at one place only.
    """
    outputs: list[str] = []
    for index, wanted in enumerate(graph.output_names):
        tensor = graph.outputs[index]
        maker = graph.nodes.get(wanted)
        is_input = maker is not None and wanted in graph.inputs
        if is_input or (tensor == wanted and maker is not None and maker.shares is None and tensor not in outputs):
            outputs.append(tensor)
            continue
        if maker is not None:
            graph = _renamed(graph, maker, graph.free_name(f"{wanted}_layer"))
            tensor = graph.outputs[index]
        source = graph.nodes[node_of(tensor)]
        named = Node(
            name=wanted,
            layer_class=tf_keras.layers.Activation,
            config={"name": wanted, "activation": "linear", "dtype": source.config["dtype"]},
            inputs=(tensor,),
            output_shape=graph.shape_of(tensor),
            origins=source.origins,
        )
        graph = replace(graph, nodes={**graph.nodes, wanted: named})
        outputs.append(wanted)
    return replace(graph, outputs=tuple(outputs))


def unique_names(names: Iterable[str]) -> tuple[str, ...]:
    """The names, with a number behind those that were there already, as tf_keras does.

    >>> unique_names(["lstm", "lstm", "scores"])
    ('lstm', 'lstm_1', 'scores')
    """
    unique: list[str] = []
    for name in names:
        wanted, count = name, 0
        while wanted in unique:
            count += 1
            wanted = f"{name}_{count}"
        unique.append(wanted)
    return tuple(unique)


def named_by_keys(graph: Graph, inputs: Any, outputs: Any) -> Graph:
    """The graph of a model that takes or gives a dict, its inputs and outputs called by the dict's keys.

    inputs, outputs: the model's own structures of tensors; anything but one flat dict changes nothing. Their order
    stays the model's, which is the keys' in the alphabet. Raises ModelError where an input and an output that is
    another tensor would have one name.
    """
    for index, key in enumerate(_keys(inputs) or ()):
        if key != graph.inputs[index]:
            if key in graph.nodes:
                graph = _renamed(graph, graph.nodes[key], graph.free_name(f"{key}_layer"))
            graph = _renamed(graph, graph.nodes[graph.inputs[index]], key)
    graph = replace(graph, output_names=_keys(outputs) or graph.output_names)
    for name, tensor in zip(graph.output_names, graph.outputs, strict=True):
        if name in graph.inputs and name != tensor:
            raise ModelError(
                f"model {graph.name!r}: an input and an output are called {name!r}; give the output another name "
                f"(`{name}_out`, say)"
            )
    return graph


def _keys(structure: Any) -> tuple[str, ...] | None:
    if not isinstance(structure, Mapping) or not all(hasattr(tensor, "shape") for tensor in structure.values()):
        return None
    return tuple(str(key) for key in sorted(structure))


def _renamed(graph: Graph, node: Node, name: str) -> Graph:
    """The node under another name, with what its further outputs are then called."""
    further = {
        tensor_name(node.name, index): tensor_name(name, index) for index in range(1, 1 + len(node.further_shapes))
    }
    graph = graph.replaced({node.name: (replace(node.configured(name=name), name=name),)}, further)
    return replace(graph, inputs=tuple(name if each == node.name else each for each in graph.inputs))
