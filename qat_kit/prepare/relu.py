"""Every ReLU → the forms that the runtime has: RELU, RELU6, LEAKY_RELU, and RELU with a range that ends at a maximum.

    y = max_value                          where x ≥ max_value
        x                                  where threshold ≤ x < max_value
        negative_slope · (x − threshold)   below

An int8 tensor of exactly [0, m] saturates at m: a maximum is free where the ReLU is an operator's own.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import tf_keras

from qat_kit.errors import UnsupportedLayerError
from qat_kit.layers import PerChannelAffine, Saturated
from qat_kit.prepare.decomposition import Decomposition
from qat_kit.prepare.graph import Graph, Node

_layers = tf_keras.layers


def replace_relu(graph: Graph) -> Graph:
    """Gives every ReLU with a maximum other than 6 its form; refuses thresholds, at which a ReLU jumps."""
    for name in tuple(graph.nodes):
        node = graph.nodes[name]
        if node.layer_class is _layers.ReLU:
            graph = _form(graph, node)
    return graph


def _form(graph: Graph, node: Node) -> Graph:
    maximum, slope, threshold = (node.config.get(key) for key in ("max_value", "negative_slope", "threshold"))
    if threshold:
        raise UnsupportedLayerError(
            node.name,
            f"ReLU(threshold={threshold})",
            "It jumps at its threshold, where rounding decides on which side a value is; use ReLU().",
        )
    if maximum is None or (float(maximum) == 6.0 and not slope):
        return graph
    if slope:
        raise UnsupportedLayerError(
            node.name, f"ReLU(max_value={maximum}, negative_slope={slope})", "Use one of the two: ReLU or LeakyReLU."
        )
    parts = Decomposition(graph, node)
    return parts.replaced(parts.add(Saturated, node.inputs[0], function="relu", maximum=float(maximum)))


def scale_relu(graph: Graph) -> Graph:
    """`relu(x, m) · f` → `relu(x · f, m · f)` for one f > 0, so that the factor reaches the kernel before the ReLU."""
    for name in tuple(graph.nodes):
        node = graph.nodes.get(name)
        if node is None or node.layer_class is not PerChannelAffine:
            continue
        before = graph.nodes.get(node.inputs[0])
        factor, offset = node.weights
        if (
            before is not None
            and graph.feeds_only_one(before.name)
            and not np.any(offset)
            and np.all(factor == factor[0])
            and factor[0] > 0
            and (maximum := _maximum(before)) is not None
        ):
            scaled = replace(node, inputs=before.inputs, output_shape=before.output_shape)
            relu = replace(
                before,
                layer_class=Saturated,
                config={
                    "name": before.name,
                    "dtype": before.config["dtype"],
                    "function": "relu",
                    "maximum": maximum * float(factor[0]),
                },
                inputs=(scaled.name,),
                origins=(*before.origins, *node.origins),
            )
            graph = graph.replaced({before.name: (scaled, relu), node.name: ()})
    return graph


def _maximum(node: Node) -> float | None:
    """Where a ReLU ends; None for anything else."""
    if node.layer_class is Saturated and node.config["function"] == "relu":
        return float(node.config["maximum"])
    is_relu6 = node.layer_class is _layers.ReLU and not node.config.get("negative_slope")
    return float(node.config["max_value"]) if is_relu6 and node.config.get("max_value") else None
