"""One node of a graph, taken apart."""

from __future__ import annotations

from qat_kit.prepare.graph import Graph, Node, tensor_name
from qat_kit.prepare.parts import Parts


class Decomposition(Parts):
    """The parts of `node` of `graph`."""

    def __init__(self, graph: Graph, node: Node) -> None:
        super().__init__(
            name=node.name,
            kind=node.kind,
            dtype=node.config["dtype"],
            origins=node.origins,
            shape_of=graph.shape_of,
            taken=graph.nodes,
            shares=node.shares,
            trainable=node.config.get("trainable", True),
        )
        self.graph, self.node = graph, node

    def replaced(self, *results: str) -> Graph:
        """The graph with the parts in the place of the node. results: what its outputs are now, in their order."""
        nodes, tensors = self.finish(results)
        outputs = {tensor_name(self.name, index): tensor for index, tensor in enumerate(tensors)}
        return self.graph.replaced({self.name: nodes}, {old: new for old, new in outputs.items() if old != new})
