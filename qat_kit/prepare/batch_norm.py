"""Batch norm in inference → `x · factor + offset` per channel, which `fold_affine` folds.

    y = (x − mean) · gamma / sqrt(variance + epsilon) + beta  =  x · factor + offset

Source: Ioffe and Szegedy 2015, arXiv:1502.03167, section 3.1. This is the only place that takes batch norm apart.
"""

from __future__ import annotations

import numpy as np
import tf_keras
from numpy.typing import NDArray

from qat_kit.errors import UnsupportedLayerError
from qat_kit.prepare.activations import activation_name
from qat_kit.prepare.affine import per_channel_affine
from qat_kit.prepare.graph import Graph, Node
from qat_kit.prepare.linear import OUTPUT_AXES


def replace_batch_norm(graph: Graph) -> Graph:
    """Replaces every batch norm by what it is in inference."""
    return _replaced(graph, [node for node in graph.nodes.values() if _is_batch_norm(node)])


def replace_lone_batch_norm(graph: Graph) -> Graph:
    """Replaces every batch norm but those that `is_trainable_batch_norm` finds, which training may keep."""
    nodes = graph.nodes.values()
    return _replaced(
        graph, [node for node in nodes if _is_batch_norm(node) and not is_trainable_batch_norm(graph, node)]
    )


def is_trainable_batch_norm(graph: Graph, node: Node) -> bool:
    """Whether a node is a batch norm right behind a kernel that nothing else reads.

    Quantized per channel, such a kernel folds afterwards without changing one code: the factor of a channel multiplies
    its scale.
    """
    if not _is_batch_norm(node):
        return False
    before = graph.nodes[node.inputs[0]]
    is_linear = before.layer_class in OUTPUT_AXES and activation_name(before) is None
    return is_linear and graph.feeds_only_one(before.name)


def _is_batch_norm(node: Node) -> bool:
    return node.layer_class is tf_keras.layers.BatchNormalization


def _replaced(graph: Graph, nodes: list[Node]) -> Graph:
    return graph.replaced({node.name: (per_channel_affine(node, *_factor_and_offset(node)),) for node in nodes})


def _factor_and_offset(node: Node) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rank, axis = len(node.output_shape), node.config["axis"]
    axis = axis[0] if isinstance(axis, list | tuple) else axis
    if axis not in (-1, rank - 1):
        raise UnsupportedLayerError(node.name, node.kind, f"It runs along axis {axis}; put channels last.")
    weights = [np.asarray(weight, np.float64) for weight in node.weights]
    gamma = weights.pop(0) if node.config["scale"] else np.float64(1.0)
    beta = weights.pop(0) if node.config["center"] else np.float64(0.0)
    mean, variance = weights
    factor = gamma / np.sqrt(variance + node.config["epsilon"])
    return factor, beta - mean * factor
