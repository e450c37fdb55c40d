"""The two layers that tf_keras' ConvNeXt has for itself → `x · gamma` per channel, and a Dropout.

Source: Liu et al. 2022, arXiv:2201.03545; Touvron et al. 2021, arXiv:2103.17239 (LayerScale); Huang et al. 2016,
arXiv:1603.09382 (stochastic depth).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import tf_keras

from qat_kit.prepare.affine import per_channel_affine
from qat_kit.prepare.graph import Graph, Node

_MODULE = "tf_keras.src.applications.convnext"


def replace_convnext(graph: Graph) -> Graph:
    """Replaces every LayerScale and StochasticDepth."""
    nodes = [node for node in graph.nodes.values() if node.layer_class.__module__ == _MODULE]
    return graph.replaced(
        {node.name: (_layer_scale(node) if node.kind == "LayerScale" else _dropout(node),) for node in nodes}
    )


def _layer_scale(node: Node) -> Node:
    (gamma,) = node.weights
    return per_channel_affine(node, gamma, np.zeros(1))


def _dropout(node: Node) -> Node:
    """Both drop in training alone: the whole residual, by one draw a sample."""
    config = {
        "name": node.name,
        "dtype": node.config["dtype"],
        "rate": node.config["drop_path_rate"],
        "noise_shape": (None, *(1 for _ in node.output_shape[1:])),
    }
    return replace(node, layer_class=tf_keras.layers.Dropout, config=config, arguments={})
