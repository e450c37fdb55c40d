"""What is in a `.tflite` file, as a record: `inspect`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from qat_kit.errors import ModelFileError
from qat_kit.files import gzip_size, read_bytes
from qat_kit.inspection.records import InspectedGraph, InspectedOperator, InspectedTensor, Inspection
from qat_kit.litert.arena import planned_bytes
from qat_kit.litert.description import Description, description_of
from qat_kit.litert.macs import num_macs
from qat_kit.litert.model_file import read_model
from qat_kit.litert.records import ModelFile, Operator, Subgraph, Tensor


def inspect(path: Path | str | bytes) -> Inspection:
    """Reads a `.tflite` file into a record; raises ModelFileError for a file that cannot be read."""
    model = read_model(path)
    data = path if isinstance(path, bytes) else read_bytes(Path(path))
    described, undescribed = _description(model)
    graphs = tuple(_graph(graph) for graph in model.subgraphs)
    tensors = [tensor for graph in graphs for tensor in graph.tensors]
    operators = [operator for graph in graphs for operator in graph.operators]
    return Inspection(
        sha256=model.sha256,
        size_bytes=model.size_bytes,
        gzip_bytes=gzip_size(data),
        schema_version=model.version,
        description=model.description,
        metadata=model.metadata,
        described=described,
        undescribed=undescribed,
        signatures={
            signature.key: {"inputs": tuple(signature.inputs), "outputs": tuple(signature.outputs)}
            for signature in model.signatures
        },
        graphs=graphs,
        num_operators=len(operators),
        num_tensors=len(tensors),
        constant_bytes=sum(tensor.constant_bytes for tensor in tensors),
        macs=sum(graph.macs for graph in graphs),
        tensor_types=dict(Counter(tensor.type for tensor in tensors).most_common()),
        operator_counts=dict(Counter(operator.op for operator in operators).most_common()),
    )


def _description(model: ModelFile) -> tuple[Description | None, str | None]:
    """What the file says of itself; else why that cannot be read. A file runs all the same without it."""
    try:
        return description_of(model), None
    except ModelFileError as error:
        return None, str(error)


def _graph(graph: Subgraph) -> InspectedGraph:
    operators = tuple(_operator(graph, operator) for operator in graph.operators)
    return InspectedGraph(
        index=graph.index,
        name=graph.name,
        inputs=graph.inputs,
        outputs=graph.outputs,
        tensors=tuple(_tensor(tensor) for tensor in graph.tensors),
        operators=operators,
        macs=sum(operator.macs for operator in operators),
        arena_bytes=planned_bytes(graph),
    )


def _operator(graph: Subgraph, operator: Operator) -> InspectedOperator:
    return InspectedOperator(
        index=operator.index,
        op=operator.op,
        version=operator.version,
        fused_activation=operator.fused_activation,
        inputs=operator.inputs,
        outputs=operator.outputs,
        constant_bytes=sum(graph.tensors[index].num_constant_bytes for index in operator.inputs if index >= 0),
        macs=num_macs(graph, operator),
        options=dict(operator.options),
    )


def _tensor(tensor: Tensor) -> InspectedTensor:
    return InspectedTensor(
        index=tensor.index,
        name=tensor.name,
        shape=tensor.shape,
        type=tensor.type,
        scale=tuple(tensor.scale.tolist()),
        zero_point=tuple(tensor.zero_point.tolist()),
        quantized_dimension=tensor.quantized_dimension if tensor.scale.size > 1 else None,
        constant_bytes=tensor.num_constant_bytes,
    )
