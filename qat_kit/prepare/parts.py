"""The nodes that take the place of one node, made one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import tf_keras
from numpy.typing import NDArray

from qat_kit.layers import StridedSlice
from qat_kit.prepare.graph import Graph, Node, Shape

_layers = tf_keras.layers


@dataclass(kw_only=True)
class Parts:
    """Collects what `node` of `graph` becomes; every part is called `node_role`, and the last one as the node itself.

    Shapes are without the batch.
    """

    graph: Graph
    node: Node
    nodes: list[Node] = field(default_factory=list)

    def add(
        self,
        role: str,
        layer_class: type[tf_keras.layers.Layer],
        inputs: str | Sequence[str],
        shape: Shape,
        *,
        weights: Sequence[NDArray[Any]] = (),
        shares: str | None = None,
        **config: Any,
    ) -> str:
        """Adds a layer and returns its name. role: "" for the part that keeps the node's own name."""
        name = self.free_name(f"{self.node.name}_{role}") if role else self.node.name
        self.nodes.append(
            Node(
                name=name,
                layer_class=layer_class,
                config={**config, "name": name, "dtype": self.node.config["dtype"]},
                inputs=(inputs,) if isinstance(inputs, str) else tuple(inputs),
                output_shape=(self.node.output_shape[0], *shape),
                weights=tuple(weights),
                origins=self.node.origins,
                shares=shares,
            )
        )
        return name

    def reshape(self, role: str, tensor: str, shape: Shape) -> str:
        """The same values in another shape."""
        return self.add(role, _layers.Reshape, tensor, shape, target_shape=tuple(shape))

    def part(self, role: str, tensor: str, start: int, stop: int) -> str:
        """`tensor[:, start:stop]`."""
        return self.add(role, StridedSlice, tensor, (stop - start,), slices=[(start, stop, 1)])

    def extend(self, nodes: Sequence[Node]) -> None:
        """Adds nodes that were made elsewhere."""
        self.nodes.extend(nodes)

    def free_name(self, wanted: str) -> str:
        """`wanted`, with a number where a node has that name already."""
        taken = {*self.graph.nodes, *(node.name for node in self.nodes)}
        name, count = wanted, 0
        while name in taken:
            count += 1
            name = f"{wanted}_{count}"
        return name
