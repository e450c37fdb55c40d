"""The operations on tensors that tf_keras records in a model (`TFOpLambda`, `SlicingOpLambda`) → layers."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from qat_kit.errors import UnsupportedLayerError, nearest
from qat_kit.prepare.graph import Graph, Node, Operand, tensor_name
from qat_kit.prepare.operations.lowering import Lowering, Tensor
from qat_kit.prepare.operations.table import lower
from qat_kit.prepare.operations.tensorflow import TENSORFLOW

_KINDS = ("TFOpLambda", "SlicingOpLambda")


def replace_operations(graph: Graph) -> Graph:
    """Replaces every operation; raises UnsupportedLayerError naming one, or an argument, that has no layer."""
    for name in tuple(graph.nodes):
        if graph.nodes[name].kind in _KINDS:
            graph = _replaced(graph, graph.nodes[name])
    return graph


def _replaced(graph: Graph, node: Node) -> Graph:
    symbol = node.config["function"]
    if symbol not in TENSORFLOW:
        raise UnsupportedLayerError(
            node.name,
            f"tf.{symbol}",
            "No int8 layer stands for this operation: compute it before or behind the model, or use a layer. "
            + nearest("operations", symbol, TENSORFLOW),
        )
    step = Lowering(name=node.name, kind=f"tf.{symbol}", dtype=node.config["dtype"], graph=graph)
    results = lower(step, TENSORFLOW[symbol], _arguments(node), _defaults(symbol))
    layers, tensors = step.finish(results)
    outputs = {tensor_name(node.name, index): tensor for index, tensor in enumerate(tensors)}
    return graph.replaced({node.name: layers}, outputs={old: new for old, new in outputs.items() if old != new})


def _arguments(node: Node) -> dict[str, Any]:
    """With tensors in the places of operands."""

    def placed(value: Any) -> Any:
        return Tensor(node.inputs[value.index]) if isinstance(value, Operand) else value

    arguments: dict[str, Any] = tf.nest.map_structure(placed, dict(node.arguments))
    return arguments


def _defaults(symbol: str) -> Mapping[str, Any]:
    function = tf
    for part in symbol.split("."):
        function = getattr(function, part)
    parameters = inspect.signature(function).parameters.values()
    return {parameter.name: parameter.default for parameter in parameters}
