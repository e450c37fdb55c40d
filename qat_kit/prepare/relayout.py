"""Layers that run in another layout than the model's: tensors change to it once and back once, not at every layer.

LiteRT has convolutions and pools of two dimensions alone. A layer of another number of dimensions becomes one of two,
between reshapes; here the reshapes are put where a layer needs the other layout, and nowhere else, so that a chain of
1-D layers costs one at each end. (The converter puts two at every pool and padding: 23 operators for a chain of four
convolutions and pools, here 13.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import tf_keras

from qat_kit.prepare.graph import Graph, Node, free_name, node_of
from qat_kit.prepare.parts import Parts

_layers = tf_keras.layers

# They compute element by element, so that the layout is nothing to them.
ELEMENTWISE: tuple[type[tf_keras.layers.Layer], ...] = (
    *(_layers.ReLU, _layers.LeakyReLU, _layers.ELU, _layers.Activation, _layers.Dropout, _layers.GaussianNoise),
    *(_layers.GaussianDropout, _layers.AlphaDropout, _layers.ActivityRegularization, _layers.Identity),
    *(_layers.Add, _layers.Subtract, _layers.Multiply, _layers.Maximum, _layers.Minimum),
)
# Activations by name that are none of an element's.
_ALONG_AN_AXIS = ("softmax", "log_softmax")
# What they make of a tensor's values does not depend on its shape before.
_FLATTENING: tuple[type[tf_keras.layers.Layer], ...] = (_layers.Reshape, _layers.Flatten)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Another layout of tensors.

    suffix: of the names of what changes to it. there, back: the node that changes a tensor of this shape (with the
    batch) to the layout, and back to this shape. shape: of a tensor in the layout. must: layers that run in it
    always; may: layers that run in it where their inputs are in it already. Both map to what makes the node's
    counterpart, named as the node, from the node and its inputs in the layout.
    """

    suffix: str
    back_suffix: str
    takes: Callable[[Node], bool]
    there: Callable[[Node], Node]
    back: Callable[[Node], Node]
    shape: Callable[[tuple[int | None, ...]], tuple[int | None, ...]]
    must: Mapping[type[tf_keras.layers.Layer], Callable[[Relayout, Node], str]]
    may: Mapping[type[tf_keras.layers.Layer], Callable[[Relayout, Node], str]] = field(default_factory=dict)
    # Like `may`, but their results are not in the layout; and what neither takes nor makes it, wherever it stands.
    ends: Mapping[type[tf_keras.layers.Layer], Callable[[Relayout, Node], str]] = field(default_factory=dict)
    plain: Mapping[type[tf_keras.layers.Layer], Callable[[Relayout, Node], str]] = field(default_factory=dict)
    # Which of `may` may. Whether the values lie in the same order in both, so that a reshape takes either.
    may_where: Callable[[Node], bool] = lambda node: True
    keeps_order: bool = True


@dataclass(kw_only=True)
class Relayout:
    """One pass over a graph, node by node."""

    graph: Graph
    layout: Layout
    nodes: dict[str, Node] = field(default_factory=dict)
    # Tensor of the old graph → what it is in the model's layout, and in the other one.
    plain: dict[str, str] = field(default_factory=dict)
    other: dict[str, str] = field(default_factory=dict)

    def run(self) -> Graph:
        """The graph with its layers in the layout."""
        for node in self.graph.nodes.values():
            self._visit(node)
        return replace(
            self.graph, nodes=self.nodes, outputs=tuple(self.in_plain(tensor) for tensor in self.graph.outputs)
        )

    def _visit(self, node: Node) -> None:
        layout, kind = self.layout, node.layer_class
        if kind in layout.must and layout.takes(node):
            self.other[node.name] = layout.must[kind](self, node)
        elif kind in layout.plain and layout.takes(node):
            self.plain[node.name] = layout.plain[kind](self, node)
        elif self._is_there(node) and kind in layout.may and layout.may_where(node):
            self.other[node.name] = layout.may[kind](self, node)
        elif self._is_there(node) and kind in layout.ends:
            self.plain[node.name] = layout.ends[kind](self, node)
        elif self._is_there(node) and self._is_elementwise(node) and self._of_one_shape(node):
            self.other[node.name] = self.add(
                replace(node, inputs=self.in_other(node), output_shape=layout.shape(node.output_shape))
            )
        else:
            flattening = kind in _FLATTENING and layout.keeps_order
            inputs = [
                self.other[tensor] if flattening and tensor not in self.plain else self.in_plain(tensor)
                for tensor in node.inputs
            ]
            self.add(replace(node, inputs=tuple(inputs)))
            for index in range(1 + len(node.further_shapes)):
                tensor = f"{node.name}:{index}" if index else node.name
                self.plain[tensor] = tensor

    def _is_there(self, node: Node) -> bool:
        return bool(node.inputs) and not node.arguments and all(tensor in self.other for tensor in node.inputs)

    def _is_elementwise(self, node: Node) -> bool:
        return node.layer_class in ELEMENTWISE and node.config.get("activation") not in _ALONG_AN_AXIS

    def _of_one_shape(self, node: Node) -> bool:
        return len({self.graph.shape_of(tensor) for tensor in node.inputs}) == 1

    def add(self, node: Node) -> str:
        """Adds a node; its name."""
        self.nodes[node.name] = node
        return node.name

    def in_other(self, node: Node) -> tuple[str, ...]:
        """The inputs of a node in the layout; a tensor is changed to it once, whoever takes it."""
        for tensor in node.inputs:
            if tensor not in self.other:
                self.other[tensor] = self._change(tensor, self.layout.there, self.layout.suffix, self.in_plain(tensor))
        return tuple(self.other[tensor] for tensor in node.inputs)

    def in_plain(self, tensor: str) -> str:
        """A tensor in the model's own layout."""
        if tensor not in self.plain:
            self.plain[tensor] = self._change(tensor, self.layout.back, self.layout.back_suffix, self.other[tensor])
        return self.plain[tensor]

    def _change(self, tensor: str, make: Callable[[Node], Node], suffix: str, source: str) -> str:
        maker = self.graph.nodes[node_of(tensor)]
        shape = self.graph.shape_of(tensor)
        name = free_name(f"{tensor.replace(':', '_')}_{suffix}", self.graph.nodes, self.nodes)
        config = {"name": name, "dtype": maker.config["dtype"]}
        # What `make` gets: a node with the tensor's name, shape and origins, to be given a class and its arguments.
        return self.add(
            make(
                Node(
                    name=name,
                    layer_class=_layers.Layer,
                    config=config,
                    inputs=(source,),
                    output_shape=shape,
                    origins=maker.origins,
                )
            )
        )

    def parts(self, node: Node) -> Parts:
        """Collects what comes into the place of `node`, over tensors of this pass; for `put`."""
        return Parts(
            name=node.name,
            kind=node.kind,
            dtype=node.config["dtype"],
            origins=node.origins,
            shape_of=Graph(name="", nodes=self.nodes).shape_of,
            taken={*self.graph.nodes, *self.nodes},
            shares=node.shares,
            trainable=node.config.get("trainable", True),
        )

    def put(self, parts: Parts, *results: str) -> tuple[str, ...]:
        """Adds what was collected; what its results are called (`Parts.finish`)."""
        nodes, names = parts.finish(results)
        for node in nodes:
            self.add(node)
        return tuple(names)
