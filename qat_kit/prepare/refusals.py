"""What no rewrite could turn into a plain layer is refused by name."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from qat_kit.errors import UnsupportedLayerError
from qat_kit.prepare.graph import Graph, Operand

# What tf_keras makes of an operation on its tensors.
_TENSOR_OPERATIONS = ("TFOpLambda", "SlicingOpLambda", "ClassMethod", "InstanceMethod", "InstanceProperty")


def refuse_remaining(graph: Graph) -> None:
    """Raises UnsupportedLayerError for an operation on tensors, a call with arguments, a layer of several outputs."""
    for node in graph.nodes.values():
        if node.kind in _TENSOR_OPERATIONS:
            raise UnsupportedLayerError(
                node.name,
                node.kind,
                "It is an operation on tensors (`a + b`, `tf.…`); use a layer: Add, Multiply, ReLU, Reshape, …",
            )
        if node.arguments:
            given = ", ".join(f"{key}={_shown(value)}" for key, value in node.arguments.items())
            raise UnsupportedLayerError(node.name, node.kind, f"It is called with {given}; call it with inputs alone.")
        if node.further_shapes:
            raise UnsupportedLayerError(node.name, node.kind, "It returns several tensors; split it into layers.")


def _shown(value: Any) -> str:
    """An argument in a message: a tensor by the word, long values cut."""
    shown = tf.nest.map_structure(lambda item: "<tensor>" if isinstance(item, Operand) else item, value)
    text = str(shown)
    return text if len(text) <= 60 else f"{text[:57]}…"
