"""What turns one operation into layers writes them down here."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.prepare.graph import Graph, Node, node_of
from qat_kit.prepare.parts import Parts, Tensor

__all__ = ["Lowering", "Tensor", "constant"]


class Lowering(Parts):
    """The layers that stand for one operation; name: the operation's. graph: what is there already."""

    def __init__(self, *, name: str, kind: str, dtype: Any, graph: Graph) -> None:
        super().__init__(
            name=name,
            kind=kind,
            dtype=dtype,
            origins=(name,),
            shape_of=graph.shape_of,
            taken=graph.nodes,
        )
        self._graph = graph

    def producer(self, tensor: str) -> Node:
        """The node that makes a tensor."""
        return self.nodes.get(tensor) or self._graph.nodes[node_of(tensor)]

    def axis(self, axis: Any, rank: int) -> int:
        """An axis counted from the front; refuses the batch's."""
        number = int(axis)
        if not -rank <= number < rank:
            self.refuse(f"Its axis {number} is none of a tensor of {rank} axes.")
        if number % rank == 0:
            self.refuse(
                "It works along the batch (axis 0); a file of one sample has no batch. Work on each sample alone."
            )
        return number % rank


def constant(value: Any) -> NDArray[Any]:
    """A constant argument as an array: a number, a list, an array, a tensor or a variable."""
    return np.asarray(value.numpy() if hasattr(value, "numpy") else value)
