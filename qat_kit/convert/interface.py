"""What a file takes and gives, read from the file itself."""

from __future__ import annotations

from collections.abc import Mapping

from qat_kit.litert.model_file import ModelFile, Tensor
from qat_kit.manifest import TensorInterface


def interfaces(model: ModelFile) -> tuple[tuple[TensorInterface, ...], tuple[TensorInterface, ...]]:
    """(inputs, outputs) of the first graph, in the file's order, called as its signature calls them."""
    graph = model.subgraphs[0]
    signature = next((each for each in model.signatures if each.subgraph == 0), None)
    return (
        _named(graph.tensors, graph.inputs, signature.inputs if signature else {}),
        _named(graph.tensors, graph.outputs, signature.outputs if signature else {}),
    )


def _named(
    tensors: tuple[Tensor, ...], indices: tuple[int, ...], names: Mapping[str, int]
) -> tuple[TensorInterface, ...]:
    by_index = {index: name for name, index in names.items()}
    return tuple(_interface(tensors[index], by_index.get(index, tensors[index].name)) for index in indices)


def _interface(tensor: Tensor, name: str) -> TensorInterface:
    quantized = len(tensor.scale) == 1
    return TensorInterface(
        name=name,
        shape=tuple(int(size) for size in tensor.shape),
        dtype=tensor.type.lower(),
        scale=float(tensor.scale[0]) if quantized else None,
        zero_point=int(tensor.zero_point[0]) if quantized else None,
    )
