"""Rescaling and Normalization → `x · factor + offset` per channel, which `fold_affine` folds.

Folded into the first layer, the model takes raw values (pixels of 0 … 255, say), which the input's own quantization
holds as they are.
"""

from __future__ import annotations

import numpy as np
import tf_keras
from numpy.typing import NDArray

from qat_kit.errors import UnsupportedLayerError
from qat_kit.prepare.affine import per_channel_affine
from qat_kit.prepare.graph import Graph, Node

_layers = tf_keras.layers


def replace_rescaling(graph: Graph) -> Graph:
    """Replaces every Rescaling and Normalization."""
    return graph.replaced(
        {
            node.name: (per_channel_affine(node, *_factor_and_offset(node)),)
            for node in graph.nodes.values()
            if node.layer_class in (_layers.Rescaling, _layers.Normalization)
        }
    )


def _factor_and_offset(node: Node) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both of shape [channels], or of one number."""
    if node.layer_class is _layers.Rescaling:
        # Keras computes with them in float32, whatever it computes in.
        scale, offset = (np.asarray(node.config[key], np.float32) for key in ("scale", "offset"))
        return scale.astype(np.float64), offset.astype(np.float64)
    axis, rank = node.config["axis"], len(node.output_shape)
    axes = (axis,) if isinstance(axis, int) else tuple(axis or ())
    if node.config.get("invert") or not set(axes) <= {-1, rank - 1}:
        raise UnsupportedLayerError(node.name, f"{node.kind}(axis={axis})", "Normalize along the last axis.")
    mean, variance = (
        np.asarray(value, np.float64).reshape(-1)
        for value in (node.weights[:2] if node.weights else (node.config["mean"], node.config["variance"]))
    )
    factor = 1.0 / np.maximum(np.sqrt(variance), tf_keras.backend.epsilon())
    return factor, -mean * factor
