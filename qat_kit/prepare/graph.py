"""A Keras model as plain data: one node a layer call, in topological order.

Rewrites take a graph and return a graph (`Graph.replaced`); `read_graph` and `build_model` are the way in and out.
The weights of a node are NumPy arrays, so a rewrite is arithmetic and never touches a live layer. What a rewrite
computes stays in float64 until the model is built, so that it can be proven to change nothing.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import tf_keras
from numpy.typing import NDArray

Shape = tuple[int | None, ...]


@dataclass(frozen=True)
class Operand:
    """Stands in a node's arguments for the tensor `inputs[index]` of that node."""

    index: int


@dataclass(frozen=True, kw_only=True)
class Node:
    """One layer call.

    name: unique; the layer's own, where the layer is called once. inputs: the tensors it takes. A tensor is called as
    the node that makes it; the second output of a node "lstm" is "lstm:1". arguments: what the layer is called with,
    by the names of its `call`'s parameters, an `Operand` in the place of each tensor; empty where it is simply called
    with its input, or the list of its inputs. further_shapes: of the outputs behind the first. weights: in the order
    of `layer.get_weights()`. origins: the layers of the user's model that it stands for. shares: nodes of equal
    `shares` were calls of one layer, each with a copy of its weights until `join_shared` makes them one again.
    """

    name: str
    layer_class: type[tf_keras.layers.Layer]
    config: Mapping[str, Any]
    inputs: tuple[str, ...]
    output_shape: Shape
    weights: tuple[NDArray[Any], ...] = ()
    origins: tuple[str, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)
    further_shapes: tuple[Shape, ...] = ()
    shares: str | None = None

    @property
    def kind(self) -> str:
        """The layer's class name, for tables and messages."""
        return self.layer_class.__name__

    def configured(self, **changes: Any) -> Node:
        """The same node with some entries of its configuration changed."""
        return replace(self, config={**self.config, **changes})

    def renamed(self, name: str) -> Node:
        """The same node under another name."""
        return replace(self.configured(name=name), name=name)


@dataclass(frozen=True, kw_only=True)
class Graph:
    """Nodes in topological order, by name; inputs and outputs are tensors in the model's own order.

    output_names: what the model calls its outputs; they stay, whatever becomes of the layers that make them.
    """

    name: str
    nodes: Mapping[str, Node] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    output_names: tuple[str, ...] = ()

    def consumers(self, name: str) -> tuple[str, ...]:
        """The nodes that take an output of node `name`."""
        return tuple(node.name for node in self.nodes.values() if name in map(node_of, node.inputs))

    def feeds_only_one(self, name: str) -> bool:
        """Whether exactly one node takes the output of `name`, and the model does not return it."""
        return len(self.consumers(name)) == 1 and name not in map(node_of, self.outputs)

    def shape_of(self, tensor: str) -> Shape:
        """The shape of a tensor; [batch, …], None where a size is not known.

        >>> image = Node(name="image", layer_class=tf_keras.layers.InputLayer, config={}, inputs=(),
        ...              output_shape=(None, 8))
        >>> Graph(name="net", nodes={"image": image}).shape_of("image")
        (None, 8)
        """
        node, index = self.nodes[node_of(tensor)], index_of(tensor)
        return node.output_shape if index == 0 else node.further_shapes[index - 1]

    def replaced(self, changes: Mapping[str, Iterable[Node]], outputs: Mapping[str, str] | None = None) -> Graph:
        """Puts a chain of nodes in the place of a node; who took the old node's output takes the last one's.

        An empty chain removes the node: its consumers take its first input. outputs: what becomes of further outputs
        (or of the first, where it is not the last node's), from the old tensor to the new: {"lstm:1": "lstm_state"}.
        """
        renamed: dict[str, str] = {}
        nodes: dict[str, Node] = {}
        for name, node in self.nodes.items():
            current = replace(node, inputs=tuple(renamed.get(source, source) for source in node.inputs))
            if name not in changes:
                nodes[name] = current
                continue
            last = current.inputs[0] if current.inputs else name
            for new in changes[name]:
                moved = replace(new, inputs=tuple(renamed.get(source, source) for source in new.inputs))
                nodes[moved.name] = moved
                last = moved.name
            renamed[name] = last
            renamed |= {old: new for old, new in (outputs or {}).items() if node_of(old) == name}
        return replace(self, nodes=nodes, outputs=tuple(renamed.get(name, name) for name in self.outputs))

    def free_name(self, wanted: str) -> str:
        """`wanted`, or `wanted_1`, `wanted_2`, … when a node has that name already."""
        return free_name(wanted, self.nodes)


def free_name(wanted: str, *taken: Container[str]) -> str:
    """`wanted`, or `wanted_1`, `wanted_2`, … where it is taken.

    >>> free_name("conv", {"conv"}, ["conv_1"])
    'conv_2'
    """
    name, count = wanted, 0
    while any(name in names for names in taken):
        count += 1
        name = f"{wanted}_{count}"
    return name


def node_of(tensor: str) -> str:
    """The node that makes a tensor.

    >>> node_of("lstm:1"), node_of("conv")
    ('lstm', 'conv')
    """
    return tensor.partition(":")[0]


def index_of(tensor: str) -> int:
    """Which of its node's outputs a tensor is.

    >>> index_of("lstm:1"), index_of("conv")
    (1, 0)
    """
    return int(tensor.partition(":")[2] or 0)


def tensor_name(node: str, index: int) -> str:
    """What output `index` of a node is called."""
    return f"{node}:{index}" if index else node


def call_name(layer: str, count: int, taken: Container[str]) -> str:
    """What the `count`-th call of a layer is named, when it has more than one.

    >>> call_name("encoder", 2, taken=())
    'encoder_call2'
    """
    name = f"{layer}_call{count}"
    while name in taken:
        name += "_"
    return name
