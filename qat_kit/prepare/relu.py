"""Every ReLU → the forms that the runtime has: RELU, RELU6, LEAKY_RELU, and RELU with a range that ends at a maximum.

    y = max_value                          where x ≥ max_value and x > threshold
        x                                  where threshold < x < max_value
        negative_slope · (x − threshold)   below

An int8 tensor of exactly [0, m] saturates at m: a maximum is free where the ReLU is an operator's own. At a threshold a
ReLU jumps, which SELECT_V2 does: y = x where 64·(x − threshold), cut off to [0, 1], is above 0, else 0; of codes that
are closer to the threshold than 1/32640, rounding decides. A step of x at the threshold is a jump of y.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import tf_keras

from qat_kit.errors import UnsupportedLayerError
from qat_kit.layers import PerChannelAffine, Positive, Saturated, Select, WithConstant
from qat_kit.prepare.decomposition import Decomposition
from qat_kit.prepare.graph import Graph, Node

_layers = tf_keras.layers

_FACTOR = 64.0


def replace_relu(graph: Graph) -> Graph:
    """Gives every ReLU with a maximum other than 6, or a threshold, its form, and every ThresholdedReLU.

    Raises UnsupportedLayerError for a slope beside either.
    """
    for name in tuple(graph.nodes):
        node = graph.nodes[name]
        if node.layer_class is _layers.ReLU:
            graph = _form(graph, node)
        elif node.layer_class is _layers.ThresholdedReLU:
            graph = _with_threshold(Decomposition(graph, node), None, float(node.config["theta"]))
    return graph


def _form(graph: Graph, node: Node) -> Graph:
    maximum: Any
    maximum, slope, threshold = (node.config.get(key) for key in ("max_value", "negative_slope", "threshold"))
    if threshold and not slope:
        return _with_threshold(Decomposition(graph, node), maximum, float(threshold))
    if not threshold and (maximum is None or (float(maximum) == 6.0 and not slope)):
        return graph
    if slope:
        raise UnsupportedLayerError(
            node.name,
            f"ReLU(max_value={maximum}, negative_slope={slope}, threshold={threshold})",
            "Use one of them: ReLU or LeakyReLU.",
        )
    parts = Decomposition(graph, node)
    return parts.replaced(parts.add(Saturated, node.inputs[0], function="relu", maximum=float(maximum)))


def _with_threshold(parts: Decomposition, maximum: float | None, threshold: float) -> Graph:
    """x where it is above the threshold, else 0; cut off behind."""
    # No threshold is negative: a ReLU before it changes nothing, and the operator before takes it in.
    source = parts.add(_layers.ReLU, parts.node.inputs[0], part="relu", shape=parts.node.output_shape)
    moved = parts.add(WithConstant, source, part="moved", operation="subtract", value=threshold)
    larger = parts.add(WithConstant, moved, part="larger", operation="multiply", value=_FACTOR)
    gate = parts.add(Saturated, larger, part="gate", function="relu", maximum=1.0)
    above = parts.add(Positive, gate, part="above", shape=parts.shape(gate))
    result = parts.add(Select, above, source, part="shown", shape=parts.node.output_shape)
    if maximum is not None:
        result = parts.add(Saturated, result, part="cut", function="relu", maximum=float(maximum))
    return parts.replaced(result)


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
            and (maximum := relu_maximum(before)) is not None
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


def relu_maximum(node: Node) -> float | None:
    """Where a ReLU ends; None for anything else."""
    if node.layer_class is Saturated and node.config["function"] == "relu":
        return float(node.config["maximum"])
    is_relu6 = node.layer_class is _layers.ReLU and not node.config.get("negative_slope")
    return float(node.config["max_value"]) if is_relu6 and node.config.get("max_value") else None
