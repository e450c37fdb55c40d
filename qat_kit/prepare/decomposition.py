"""The nodes that come into the place of one: each named after it, shapes kept in step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import tf_keras
from numpy.typing import NDArray

from qat_kit.errors import UnsupportedLayerError
from qat_kit.layers import PerChannelAffine
from qat_kit.prepare.graph import Graph, Node, Shape

_layers = tf_keras.layers


@dataclass
class Decomposition:
    """Takes one node of a graph apart. `nodes` are for `Graph.replaced`: the last one has the node's own name."""

    graph: Graph
    node: Node
    _made: list[Node] = field(default_factory=list)

    @property
    def nodes(self) -> tuple[Node, ...]:
        """What was added, in its order; empty when nothing was."""
        if not self._made:
            return ()
        *others, last = self._made
        name = self.node.name
        return (*others, replace(last.configured(name=name), name=name))

    def add(
        self,
        layer_class: type[tf_keras.layers.Layer],
        *sources: str,
        part: str,
        shape: Shape | None = None,
        weights: Sequence[NDArray[Any]] = (),
        **config: Any,
    ) -> str:
        """Adds a layer over `sources` and returns its name, `node_part`; shape: of its output, else the first source's.

        The last layer is renamed in the end, so it must not feed another.
        """
        taken = {node.name for node in self._made}
        name, count = self.graph.free_name(f"{self.node.name}_{part}"), 1
        while name in taken:
            count += 1
            name = self.graph.free_name(f"{self.node.name}_{part}_{count}")
        common = {"name": name, "dtype": self.node.config["dtype"]}
        if weights:
            common["trainable"] = self.node.config.get("trainable", True)
        node = Node(
            name=name,
            layer_class=layer_class,
            config={**common, **config},
            inputs=sources,
            output_shape=self.shape(sources[0]) if shape is None else shape,
            weights=tuple(weights),
            origins=self.node.origins,
            shares=self.node.shares,
        )
        self._made.append(node)
        return name

    def shape(self, tensor: str) -> Shape:
        """The shape of a tensor of the graph, or of one added here: [batch, …]."""
        return next((node.output_shape for node in self._made if node.name == tensor), None) or self.graph.shape_of(
            tensor
        )

    def sizes(self, tensor: str) -> tuple[int, ...]:
        """The sizes behind the batch; raises UnsupportedLayerError where one is not known."""
        _, *sizes = self.shape(tensor)
        if None in sizes:
            raise UnsupportedLayerError(
                self.node.name, self.node.kind, f"Its shape {[None, *sizes]} must be known; fix the model's input."
            )
        return tuple(int(size or 0) for size in sizes)

    def reshape(self, source: str, *sizes: int) -> str:
        """The same values as [batch, *sizes]; `source` itself where that is its shape."""
        batch, *before = self.shape(source)
        if tuple(before) == sizes:
            return source
        return self.add(_layers.Reshape, source, part="reshape", shape=(batch, *sizes), target_shape=list(sizes))

    def permute(self, source: str, *axes: int) -> str:
        """Axes in another order, the batch (0) first; `source` itself where the order is the same."""
        if list(axes) == sorted(axes):
            return source
        shape = self.shape(source)
        moved = tuple(shape[axis] for axis in axes)
        return self.add(_layers.Permute, source, part="permute", shape=moved, dims=list(axes[1:]))

    def affine(self, source: str, factor: Any, offset: Any = 0.0, *, part: str = "affine") -> str:
        """`x · factor + offset`; both broadcast to [channels]. `source` itself where that is x."""
        channels = self.sizes(source)[-1:]
        weights = [np.broadcast_to(np.asarray(value, np.float64), channels) for value in (factor, offset)]
        if np.all(weights[0] == 1.0) and not np.any(weights[1]):
            return source
        return self.add(PerChannelAffine, source, part=part, weights=weights)
