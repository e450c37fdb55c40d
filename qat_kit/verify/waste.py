"""What stands in a file and does nothing: advice."""

from __future__ import annotations

from collections.abc import Iterator

from qat_kit.files import sha256
from qat_kit.litert.records import Subgraph, Tensor
from qat_kit.results import Finding
from qat_kit.verify.subject import Demand, Subject

# Below this a constant costs less than the sentence about it.
SMALLEST_DUPLICATE_BYTES = 256
# They act on more than their outputs.
_ACTING = ("CALL_ONCE", "CALL", "WHILE", "IF", "ASSIGN_VARIABLE", "HASHTABLE_IMPORT")


def dead_tensors(subject: Subject) -> tuple[Finding, ...]:
    """Tensors that no operator reads or writes, and operators whose every result nobody reads."""
    return (*_untouched(subject), *_unread(subject))


def _untouched(subject: Subject) -> Iterator[Finding]:
    for graph in subject.model.subgraphs:
        ends = {*graph.inputs, *graph.outputs, *subject.intermediates(graph)}
        for tensor in graph.tensors:
            if tensor.index not in ends and not subject.touching(graph, tensor):
                size = f" ({tensor.num_constant_bytes} bytes)" if tensor.is_constant else ""
                yield subject.finding(
                    f"tensor {tensor.name!r}{size} is read by no operator",
                    "convert the model again without what it belonged to",
                    graph=graph,
                    tensor=tensor,
                )


def _unread(subject: Subject) -> Iterator[Finding]:
    for step in subject.steps():
        if step.operator.is_custom or step.operator.op in _ACTING or not step.outputs:
            continue
        ends = {*step.graph.inputs, *step.graph.outputs}
        if not any(
            output.index in ends or output.is_variable or _is_read(subject, step.graph, output)
            for output in step.outputs
        ):
            yield step.finding("computes what nobody reads", "take the layer out of the model, or make it an output")


def _is_read(subject: Subject, graph: Subgraph, tensor: Tensor) -> bool:
    return any(tensor.index in step.operator.inputs for step in subject.touching(graph, tensor))


def duplicates(subject: Subject) -> tuple[Finding, ...]:
    """Constants that the file holds more than once."""
    return tuple(_duplicates(subject))


def _duplicates(subject: Subject) -> Iterator[Finding]:
    by_size: dict[int, dict[int, tuple[Subgraph, Tensor]]] = {}
    for graph in subject.model.subgraphs:
        for tensor in graph.tensors:
            if tensor.num_constant_bytes >= SMALLEST_DUPLICATE_BYTES:
                by_size.setdefault(tensor.num_constant_bytes, {}).setdefault(tensor.buffer, (graph, tensor))
    for size, buffers in by_size.items():
        first: dict[str, Tensor] = {}
        for graph, tensor in buffers.values() if len(buffers) > 1 else ():
            same = first.setdefault(sha256(tensor.stored_bytes), tensor)
            if same is not tensor:
                yield subject.finding(
                    f"tensor {tensor.name!r} has the same {size} bytes as {same.name!r}, in a buffer of its own",
                    "share the layer in the model, so that the converter sees one constant",
                    graph=graph,
                    tensor=tensor,
                )


DEMANDS = (
    Demand(
        name="dead tensors",
        rule="every tensor is read, and every operator's result",
        find=dead_tensors,
        severity="warn",
    ),
    Demand(
        name="duplicated buffers",
        rule=f"no constant of {SMALLEST_DUPLICATE_BYTES} bytes or more stands in the file twice",
        find=duplicates,
        severity="warn",
    ),
)
