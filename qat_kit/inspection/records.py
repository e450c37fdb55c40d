"""What an inspection finds, as records: the same in JSON as in memory."""

from __future__ import annotations

from typing import Any, Literal

import pydantic

from qat_kit.litert.description import Description
from qat_kit.results import Record


class InspectedTensor(Record):
    """One tensor. scale, zero_point: empty where it is not quantized. constant_bytes: 0 where it is computed."""

    index: int
    name: str
    shape: tuple[int, ...]
    type: str
    scale: tuple[float, ...] = ()
    zero_point: tuple[int, ...] = ()
    quantized_dimension: int | None = None
    constant_bytes: int = 0


class InspectedOperator(Record):
    """One operator. inputs, outputs: indices of the graph's tensors, −1 where an operand is left out.

    constant_bytes: of all its operands. macs: multiply-accumulates of one inference.
    """

    index: int
    op: str
    version: int
    fused_activation: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    constant_bytes: int
    macs: int
    options: dict[str, Any] = pydantic.Field(default_factory=dict)


class InspectedGraph(Record):
    """One subgraph.

    arena_bytes: what its activations and variables take in memory as LiteRT lays them out, scratch memory of the
    kernels apart; None for a graph of too many tensors.
    """

    index: int
    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    tensors: tuple[InspectedTensor, ...]
    operators: tuple[InspectedOperator, ...]
    macs: int
    arena_bytes: int | None

    def tensor(self, index: int) -> InspectedTensor | None:
        """A tensor by its index; None for an operand that is left out."""
        return self.tensors[index] if index >= 0 else None

    def result(self, operator: InspectedOperator) -> InspectedTensor | None:
        """The first tensor that an operator makes."""
        return next((self.tensors[index] for index in operator.outputs if index >= 0), None)


class Inspection(Record):
    """What a file holds.

    gzip_bytes: the file compressed, as an app store sends it. constant_bytes: of all tensors, a buffer that several
    share counted once a tensor. tensor_types, operator_counts: how many of each, most frequent first. macs: of all
    graphs, each run once. metadata: the names of what is attached. described: what the file says of itself to
    apps (TFLite metadata); undescribed: why that cannot be read, where it is there.
    """

    format_version: Literal[3] = 3
    sha256: str
    size_bytes: int
    gzip_bytes: int
    schema_version: int
    description: str
    metadata: tuple[str, ...]
    described: Description | None = None
    undescribed: str | None = None
    signatures: dict[str, dict[str, tuple[str, ...]]]
    graphs: tuple[InspectedGraph, ...]
    num_operators: int
    num_tensors: int
    constant_bytes: int
    macs: int
    tensor_types: dict[str, int]
    operator_counts: dict[str, int]

    @property
    def main(self) -> InspectedGraph:
        """The graph that an app runs."""
        return self.graphs[0]
