"""Outputs keep their names: what an app calls them by must not depend on what a rewrite made of the last layer."""

from __future__ import annotations

from dataclasses import replace

import tf_keras

from qat_kit.prepare.graph import Graph, Node


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
            graph = _renamed(graph, maker)
            tensor = graph.outputs[index]
        source = graph.nodes[tensor]
        named = Node(
            name=wanted,
            layer_class=tf_keras.layers.Activation,
            config={"name": wanted, "activation": "linear", "dtype": source.config["dtype"]},
            inputs=(tensor,),
            output_shape=source.output_shape,
            origins=source.origins,
        )
        graph = replace(graph, nodes={**graph.nodes, wanted: named})
        outputs.append(wanted)
    return replace(graph, outputs=tuple(outputs))


def _renamed(graph: Graph, node: Node) -> Graph:
    """The node under another name."""
    name = graph.free_name(f"{node.name}_layer")
    return graph.replaced({node.name: (replace(node.configured(name=name), name=name),)})
