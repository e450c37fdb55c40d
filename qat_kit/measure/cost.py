"""What one inference costs on any machine, read off the file: products, memory traffic, an estimate of energy."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from pathlib import Path

from qat_kit.files import read_bytes
from qat_kit.litert.arena import num_bytes
from qat_kit.litert.macs import num_macs
from qat_kit.litert.model_file import read_model
from qat_kit.litert.records import Operator, Subgraph, Tensor
from qat_kit.measure.size import size_ledger
from qat_kit.results import Cost, EnergyEstimate, OperatorCost

SOURCE = "Horowitz 2014, Computing's energy problem (and what we can do about it), ISSCC, figure 1.1.9: 45 nm, 0.9 V"
# Picojoules of one product and the sum it goes into, by the type of the activations. Of int16 × int8 the figure has no
# entry; its product is taken as four of 8 bits.
_MAC_PJ: Mapping[str, float] = {
    "INT8": 0.2 + 0.1,
    "UINT8": 0.2 + 0.1,
    "INT16": 4 * 0.2 + 0.1,
    "FLOAT16": 1.1 + 0.4,
    "FLOAT32": 3.7 + 0.9,
}
# Picojoules of 64 bits: from a cache of 1 MiB, and the lower end of what the figure gives for DRAM (1.3 to 2.6 nJ).
_SRAM_PJ_PER_BYTE, _DRAM_PJ_PER_BYTE = 100 / 8, 1300 / 8
_MOVES_NOTHING = frozenset({"RESHAPE", "SQUEEZE", "EXPAND_DIMS"})


def file_cost(path: Path | str) -> Cost:
    """The cost of one inference of a `.tflite` file, every graph run once; raises ModelFileError where there is none.

    Bytes moved: every operand and result passes once between memory and kernel, whatever caches save. The energy is an
    estimate for comparing models, at the energies of a chip of 2014, not what a device of today will take.
    """
    data = read_bytes(Path(path))
    model = read_model(data)
    operators = tuple(_operator_cost(graph, operator) for graph in model.subgraphs for operator in graph.operators)
    unknown: set[str] = set()
    compute_pj = 0.0
    for graph in model.subgraphs:
        for operator in graph.operators:
            kind = _activation_type(graph, operator)
            macs = num_macs(graph, operator)
            if macs and kind not in _MAC_PJ:
                unknown.add(kind)
            compute_pj += macs * _MAC_PJ.get(kind, 0.0)
    moved = sum(cost.bytes_read + cost.bytes_written for cost in operators)
    return Cost(
        sha256=model.sha256,
        size=size_ledger(model, data),
        macs=sum(cost.macs for cost in operators),
        parameters=sum(prod(tensor.shape) for graph in model.subgraphs for tensor in _parameters(graph)),
        bytes_moved=moved,
        energy=EnergyEstimate(
            compute_uj=compute_pj / 1e6,
            sram_uj=moved * _SRAM_PJ_PER_BYTE / 1e6,
            dram_uj=moved * _DRAM_PJ_PER_BYTE / 1e6,
            source=SOURCE,
        ),
        operators=operators,
        notes=tuple(f"no published energy of products of {kind}: they count as none" for kind in sorted(unknown)),
    )


def _operator_cost(graph: Subgraph, operator: Operator) -> OperatorCost:
    operands = [graph.tensors[index] for index in operator.inputs if index >= 0]
    results = [graph.tensors[index] for index in operator.outputs if index >= 0]
    idle = operator.op in _MOVES_NOTHING
    return OperatorCost(
        index=operator.index,
        op=operator.op,
        output=results[0].name if results else "",
        macs=num_macs(graph, operator),
        parameters=sum(prod(tensor.shape) for tensor in operands if _is_parameter(tensor)),
        bytes_read=0 if idle else sum(map(_num_bytes, operands)),
        bytes_written=0 if idle else sum(map(_num_bytes, results)),
    )


def _num_bytes(tensor: Tensor) -> int:
    """What a tensor takes in memory; a dimension that may change counts as it stands in the file."""
    return tensor.num_constant_bytes or num_bytes(tensor)


def _parameters(graph: Subgraph) -> list[Tensor]:
    """Each tensor of weights or biases that an operator reads, once a buffer."""
    used = {index for operator in graph.operators for index in operator.inputs if index >= 0}
    found = {graph.tensors[index].buffer: graph.tensors[index] for index in sorted(used)}
    return [tensor for tensor in found.values() if _is_parameter(tensor)]


def _is_parameter(tensor: Tensor) -> bool:
    """Whether a tensor is a weight or a bias, and no shape, axis or padding: those have neither scale nor fractions."""
    return tensor.is_constant and (tensor.scale.size > 0 or tensor.is_float or tensor.blockwise)


def _activation_type(graph: Subgraph, operator: Operator) -> str:
    """The type of the first operand that is computed; of the first operand where none is."""
    operands = [graph.tensors[index] for index in operator.inputs if index >= 0]
    return next((tensor.type for tensor in operands if not tensor.is_constant), operands[0].type if operands else "")
