"""Masks, which steps of a sequence count: handed on by Keras beside the tensors → tensors of booleans of their own.

    Embedding(mask_zero=True)   NOT_EQUAL(indices, 0)
    Masking(value)              GREATER(a gate, 0); the gate is max |x − value| over the features, times 64, in [0, 1]

A gate of int8 has the scale 1/255: a step counts where one of its features is a code away from the value, unless codes
are closer together than 1/16320. Recurrent layers and GlobalAveragePooling1D take their masks; any other layer that
uses one is refused by name.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace

import tf_keras

from qat_kit.errors import UnsupportedLayerError
from qat_kit.layers import Elementwise, NotEqual, Positive, Reduce, Saturated, Select, WithConstant
from qat_kit.prepare.building import rebuilt_layer
from qat_kit.prepare.decomposition import Decomposition
from qat_kit.prepare.graph import Graph, Node, Operand, node_of

_layers = tf_keras.layers

_GATE_FACTOR = 64.0
_RECURRENT = (_layers.LSTM, _layers.GRU, _layers.SimpleRNN, _layers.RNN, _layers.Bidirectional)
# They are called with a mask, and it is one of their tensors from then on.
TAKING = (*_RECURRENT, _layers.GlobalAveragePooling1D)


@dataclass(frozen=True, kw_only=True)
class Mask:
    """tensor: booleans, [steps]. source: the layer that it comes from."""

    tensor: str
    source: str


def carry_masks(graph: Graph) -> Graph:
    """Gives every layer that uses a mask that mask as an input, and takes Masking and `mask_zero` away.

    Raises UnsupportedLayerError naming a layer that uses a mask and is none of the above, or that joins two masks.
    """
    masked: dict[str, Mask] = {}
    for name in tuple(graph.nodes):
        node = graph.nodes[name]
        if node.layer_class is _layers.Masking:
            graph, masked[name] = _masking(graph, node)
        elif node.layer_class is _layers.Embedding and node.config["mask_zero"]:
            graph, masked[name] = _of_indices(graph, node)
        else:
            graph = _carried(graph, node, masked)
    return _without_unused(graph, {mask.tensor for mask in masked.values()})


def _carried(graph: Graph, node: Node, masked: dict[str, Mask]) -> Graph:
    """One layer behind those that make masks: `masked` says of its output what is known of its inputs."""
    masks = list({masked[source].tensor: masked[source] for source in node.inputs if source in masked}.values())
    if not masks:
        return graph
    uses, passes = _uses_mask(node), _passes_mask(node)
    if len(masks) > 1 and (uses or passes):
        raise UnsupportedLayerError(
            node.name,
            f"{node.kind} of tensors with different masks",
            f"The masks come from layers {masks[0].source!r} and {masks[1].source!r}; let one of them have mask_zero.",
        )
    (mask,) = masks[:1]
    if uses and node.layer_class not in TAKING:
        raise UnsupportedLayerError(
            node.name,
            f"{node.kind} with a mask",
            f"Layer {mask.source!r} makes it. Masks are taken by {', '.join(kind.__name__ for kind in TAKING)}; train "
            "without it (mask_zero=False), sequences padded at the front, or put such a layer in its place.",
        )
    if uses and node.inputs[0] in masked and node.arguments.get("mask") is None:
        graph = graph.replaced({node.name: (_called_with(node, mask),)})
    if passes:
        masked[node.name] = mask
    return graph


def _of_indices(graph: Graph, node: Node) -> tuple[Graph, Mask]:
    """The embedding without its mask, and the mask before it."""
    name = graph.free_name(f"{node.name}_mask")
    (indices,) = node.inputs
    mask = Node(
        name=name,
        layer_class=NotEqual,
        config={"name": name, "dtype": node.config["dtype"], "value": 0},
        inputs=(indices,),
        output_shape=graph.shape_of(indices),
        origins=node.origins,
    )
    graph = graph.replaced({node.name: (mask, node.configured(mask_zero=False))})
    return graph, Mask(tensor=name, source=node.name)


def _masking(graph: Graph, node: Node) -> tuple[Graph, Mask]:
    """Masking: its values at steps that do not count become 0, which they are where that is the value."""
    parts, (source,) = Decomposition(graph, node), node.inputs
    value = float(node.config["mask_value"])
    distance = parts.add(WithConstant, source, part="distance", operation="subtract", value=value) if value else source
    distance = parts.add(Elementwise, distance, part="abs", function="abs")
    largest = parts.add(Reduce, distance, part="largest", function="max", axes=[-1])
    larger = parts.add(WithConstant, largest, part="larger", operation="multiply", value=_GATE_FACTOR)
    gate = parts.add(Saturated, larger, part="gate", function="relu", maximum=1.0)
    mask = parts.add(Positive, gate, part="mask", shape=parts.shape(gate))
    shape = parts.shape(source)
    if value:
        counts = parts.reshape(mask, *parts.sizes(mask), 1, part="counts")
        shown = parts.add(Select, counts, source, part="shown", shape=shape)
    else:
        shown = parts.add(_layers.Activation, source, part="shown", activation="linear", shape=shape)
    return parts.replaced(shown), Mask(tensor=str(mask), source=node.name)


def _called_with(node: Node, mask: Mask) -> Node:
    """The same call, `mask` among its arguments."""
    arguments = dict(node.arguments)
    if not arguments:
        _, first, *_ = inspect.signature(node.layer_class.call).parameters
        arguments = {first: Operand(0)}
        if len(node.inputs) > 1:
            arguments["initial_state"] = [Operand(index) for index in range(1, len(node.inputs))]
    arguments["mask"] = Operand(len(node.inputs))
    return replace(node, inputs=(*node.inputs, mask.tensor), arguments=arguments)


def _without_unused(graph: Graph, tensors: set[str]) -> Graph:
    """The graph without masks that nothing uses, and what computes them alone."""
    unused = [tensor for tensor in tensors if not graph.consumers(tensor)]
    while unused:
        node = graph.nodes[unused.pop()]
        graph = replace(graph, nodes={name: other for name, other in graph.nodes.items() if name != node.name})
        unused += [
            source
            for source in map(node_of, node.inputs)
            if not graph.consumers(source) and source not in graph.inputs and source not in map(node_of, graph.outputs)
        ]
    return graph


def _uses_mask(node: Node) -> bool:
    """Whether Keras hands the mask of its input to a layer, or the layer looks for it itself."""
    if node.layer_class is _layers.TimeDistributed:
        layer = tf_keras.layers.deserialize(node.config["layer"])
        return "mask" in inspect.signature(layer.call).parameters
    is_seen = node.layer_class is _layers.MultiHeadAttention
    return is_seen or "mask" in inspect.signature(node.layer_class.call).parameters


def _passes_mask(node: Node) -> bool:
    """Whether Keras hangs the mask on the layer's output, too."""
    if issubclass(node.layer_class, _RECURRENT):
        inner = node.config.get("layer", {"config": node.config})
        return bool(inner["config"]["return_sequences"])
    if node.layer_class is _layers.GlobalAveragePooling1D:
        return False
    layer = rebuilt_layer(node)
    return bool(layer.supports_masking) or not hasattr(type(layer).compute_mask, "_is_default")
