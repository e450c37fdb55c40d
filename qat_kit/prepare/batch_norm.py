"""Batch norm in inference → `x · factor + offset` per channel, which `fold_affine` folds.

    y = (x − mean) · gamma / sqrt(variance + epsilon) + beta  =  x · factor + offset

Source: Ioffe and Szegedy 2015, arXiv:1502.03167, section 3.1. This is the only place that takes batch norm apart.
"""

from __future__ import annotations

import numpy as np
import tf_keras
from numpy.typing import NDArray

from qat_kit.errors import UnsupportedLayerError
from qat_kit.prepare.affine import per_channel_affine
from qat_kit.prepare.graph import Graph, Node


def replace_batch_norm(graph: Graph) -> Graph:
    """Replaces every batch norm by what it is in inference."""
    return graph.replaced(
        {
            node.name: (per_channel_affine(node, *_factor_and_offset(node)),)
            for node in graph.nodes.values()
            if node.layer_class is tf_keras.layers.BatchNormalization
        }
    )


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
