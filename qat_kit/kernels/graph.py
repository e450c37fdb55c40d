"""A whole graph, op by op: `simulate`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from qat_kit.errors import DataError
from qat_kit.kernels.call import Call, Operand
from qat_kit.kernels.table import run
from qat_kit.vocabulary import SimulatedKernelSet


class TensorRecord(Protocol):
    """What a graph says of a tensor; `qat_kit.litert` reads such records from a file."""

    @property
    def name(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def scale(self) -> NDArray[np.float32]: ...
    @property
    def zero_point(self) -> NDArray[np.int64]: ...
    @property
    def quantized_dimension(self) -> int: ...
    @property
    def data(self) -> NDArray[Any] | None: ...


class OperatorRecord(Protocol):
    """What a graph says of an operator."""

    @property
    def op(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def inputs(self) -> tuple[int, ...]: ...
    @property
    def outputs(self) -> tuple[int, ...]: ...
    @property
    def options(self) -> Mapping[str, Any]: ...
    @property
    def intermediates(self) -> tuple[int, ...]: ...


class Graph(Protocol):
    """Tensors, and operators in the order in which they run."""

    @property
    def tensors(self) -> Sequence[TensorRecord]: ...
    @property
    def operators(self) -> Sequence[OperatorRecord]: ...
    @property
    def inputs(self) -> tuple[int, ...]: ...


def simulate(
    graph: Graph, inputs: Mapping[int, NDArray[Any]], kernel_set: SimulatedKernelSet
) -> dict[int, NDArray[Any]]:
    """One inference of a graph: the codes of every tensor that an op wrote, by tensor index, and of the inputs.

    inputs: tensor index → array of the tensor's own type and shape, as the file has it. Each op runs as LiteRT runs it
    under that kernel set: under "xnnpack", what XNNPACK leaves is computed by the builtin kernel.

    Raises DataError for inputs that are not the graph's, UnknownNameError for an op that is not simulated,
    NotSimulatedError for a type or an option that is not.
    """
    _check_inputs(graph, inputs)
    codes = dict(inputs)
    for operator in graph.operators:
        operands = tuple(_operand(graph, index, codes) if index >= 0 else None for index in operator.inputs)
        outputs = tuple(_operand(graph, index, {}) for index in operator.outputs)
        call = Call(
            op=operator.op,
            inputs=operands,
            outputs=outputs,
            kernel_set=kernel_set,
            options=operator.options,
            version=operator.version,
            intermediates=tuple(_operand(graph, index, {}) for index in operator.intermediates),
        )
        codes.update(zip(operator.outputs, run(call), strict=True))
    return codes


def _operand(graph: Graph, index: int, codes: Mapping[int, NDArray[Any]]) -> Operand:
    tensor = graph.tensors[index]
    constant = tensor.data
    return Operand(
        type=tensor.type,
        shape=tensor.shape,
        codes=codes.get(index) if constant is None else constant,
        scale=tensor.scale,
        zero_point=tensor.zero_point,
        quantized_dimension=tensor.quantized_dimension,
        is_constant=constant is not None,
    )


def _check_inputs(graph: Graph, inputs: Mapping[int, NDArray[Any]]) -> None:
    if set(inputs) != set(graph.inputs):
        raise DataError(f"the graph's inputs are tensors {sorted(graph.inputs)}, received {sorted(inputs)}")
    for index, array in inputs.items():
        tensor = graph.tensors[index]
        if array.shape != tensor.shape or array.dtype.name.upper() != tensor.type:
            raise DataError(
                f"input {tensor.name!r} takes {tensor.type} {list(tensor.shape)}, "
                f"received {array.dtype.name.upper()} {list(array.shape)}"
            )
