"""How many products an operator adds up in one inference: `num_macs`."""

from __future__ import annotations

from math import prod

from qat_kit.litert.records import Operator, Subgraph


def num_macs(graph: Subgraph, operator: Operator) -> int:
    """Multiply-accumulates of convolutions, dense layers, matrix products and recurrent cells; 0 for all else.

    Padding counts as if it were image. Of a sparse kernel every weight counts.
    """
    operands = [graph.tensors[index].shape if index >= 0 else () for index in operator.inputs]
    result = graph.tensors[operator.outputs[0]].shape if operator.outputs and operator.outputs[0] >= 0 else ()
    if len(operands) < 2:
        return 0
    match operator.op:
        case "CONV_2D" | "CONV_3D" if len(operands[1]) == len(result) > 0:
            # The last dimension of a kernel is what one group reads.
            taps = operands[1][1:] if operator.op == "CONV_2D" else operands[1][:-1]
            return prod(result) * prod(taps)
        case "DEPTHWISE_CONV_2D" if len(operands[1]) == 4:
            return prod(result) * prod(operands[1][1:3])
        case "TRANSPOSE_CONV" if len(operands) > 2 and len(operands[1]) == 4:
            return prod(operands[2]) * prod(operands[1][:3])
        case "FULLY_CONNECTED" if operands[1]:
            return prod(result) * operands[1][-1]
        case "BATCH_MATMUL" if operands[0]:
            depth = operands[0][-2 if operator.options.get("adj_x") and len(operands[0]) > 1 else -1]
            return prod(result) * depth
        case "UNIDIRECTIONAL_SEQUENCE_LSTM" | "LSTM" if operands[0]:
            steps = prod(operands[0][:-1])
            return steps * sum(prod(shape) for shape in operands[1:9])
        case "SVDF" if len(operands) > 2 and operands[0]:
            return operands[0][0] * (prod(operands[1]) + prod(operands[2]))
    return 0
