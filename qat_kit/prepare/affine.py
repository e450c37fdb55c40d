"""`x · factor + offset` per channel → into the kernels beside it, or a depthwise convolution of its own.

    behind a linear layer:  (W · x + b) · factor + offset  =  (W · factor) · x + (b · factor + offset)
    before one:             W · (x · factor + offset) + b  =  (W · factor) · x + (b + W · offset)

Batch norm in inference, rescaling, normalization and `x * 2` are all of this form (`layers.PerChannelAffine`); this is
the one place that folds them. An offset does not pass a convolution that pads with zeros: there the padding would be
moved, too. Source: Jacob et al. 2018, arXiv:1712.05877, section 3.2.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import tf_keras
from numpy.typing import NDArray

from qat_kit.layers import PerChannelAffine
from qat_kit.prepare.activations import activation_name
from qat_kit.prepare.affine_moves import moved_back, moved_forward
from qat_kit.prepare.decomposition import Decomposition
from qat_kit.prepare.graph import Graph, Node
from qat_kit.prepare.linear import INPUT_AXES, OUTPUT_AXES

_layers = tf_keras.layers


def per_channel_affine(node: Node, factor: NDArray[Any], offset: NDArray[Any]) -> Node:
    """`x · factor + offset` in the place of `node`; factor and offset broadcast to [channels]."""
    channels = node.output_shape[-1] or 1
    weights = tuple(np.broadcast_to(np.asarray(value, np.float64), (channels,)) for value in (factor, offset))
    config = {"name": node.name, "dtype": node.config["dtype"], "trainable": node.config.get("trainable", True)}
    return replace(node, layer_class=PerChannelAffine, config=config, weights=weights, arguments={})


def fold_affine(graph: Graph) -> Graph:
    """Folds every PerChannelAffine: backward where it can go there, else forward, else into a kernel of its own."""
    for fold in (_backward, _forward, _alone):
        for name in tuple(graph.nodes):
            node = graph.nodes.get(name)
            if node is not None and node.layer_class is PerChannelAffine:
                graph = fold(graph, node)
    return graph


def _backward(graph: Graph, node: Node) -> Graph:
    """Into the layer before it, when nothing else reads that one; past layers between that it commutes with."""
    graph = moved_back(graph, node, _folds)
    node = graph.nodes[node.name]
    before = graph.nodes.get(node.inputs[0])
    if before is None or not graph.feeds_only_one(before.name):
        return graph
    factor, offset = node.weights
    if before.layer_class is PerChannelAffine:
        weights = (before.weights[0] * factor, before.weights[1] * factor + offset)
    elif _folds(before):
        kernel, *bias = (np.asarray(weight, np.float64) for weight in before.weights)
        axes = OUTPUT_AXES[before.layer_class]
        shape = [size if axis in axes else 1 for axis, size in enumerate(kernel.shape)]
        weights = (kernel * factor.reshape(shape), (bias[0] if bias else 0.0) * factor + offset)
        before = before.configured(use_bias=True)
    else:
        return graph
    folded = replace(before, weights=weights, origins=(*before.origins, *node.origins))
    return graph.replaced({before.name: (folded,), node.name: ()})


def _folds(layer: Node) -> bool:
    """Whether a layer takes in, exactly, an affine node right behind it."""
    return layer.layer_class is PerChannelAffine or (
        layer.layer_class in OUTPUT_AXES and activation_name(layer) is None
    )


def _forward(graph: Graph, node: Node) -> Graph:
    """Into the layers behind it, when each of them takes it whole; past a layer between that it commutes with."""
    graph = moved_forward(graph, node, _takes)
    node = graph.nodes[node.name]
    _, offset = node.weights
    behind = [graph.nodes[name] for name in graph.consumers(node.name)]
    if node.name in graph.outputs or not behind or not all(_takes(layer, offset) for layer in behind):
        return graph
    return graph.replaced({node.name: (), **{layer.name: (_with_scaled_input(layer, node),) for layer in behind}})


def _takes(layer: Node, offset: NDArray[np.float64]) -> bool:
    """Whether a layer can take factor and offset into its kernel and bias, exactly."""
    if layer.layer_class not in INPUT_AXES or layer.config.get("groups", 1) != 1:
        return False
    return layer.config.get("padding", "valid") == "valid" or not np.any(offset)


def _with_scaled_input(layer: Node, scaling: Node) -> Node:
    factor, offset = scaling.weights
    kernel, *bias = (np.asarray(weight, np.float64) for weight in layer.weights)
    input_axis, output_axes = INPUT_AXES[layer.layer_class], OUTPUT_AXES[layer.layer_class]
    shape = [-1 if axis == input_axis else 1 for axis in range(kernel.ndim)]
    others = tuple(axis for axis in range(kernel.ndim) if axis not in output_axes)
    added = (kernel * offset.reshape(shape)).sum(axis=others).reshape(-1)
    use_bias = bool(bias) or bool(np.any(added))
    weights = (kernel * factor.reshape(shape), *(((bias[0] if bias else 0.0) + added,) if use_bias else ()))
    return replace(layer.configured(use_bias=use_bias), weights=weights, origins=(*scaling.origins, *layer.origins))


def _alone(graph: Graph, node: Node) -> Graph:
    """A depthwise convolution with a 1×1 kernel, between reshapes where the tensor is no image."""
    factor, offset = node.weights
    (source,) = node.inputs
    parts = Decomposition(graph, node)
    image: str = source
    if parts.rank(source) != 4:
        *sizes, channels = parts.sizes(source)
        height_and_width = (math.prod(sizes[:-1]), sizes[-1]) if sizes else (1, 1)
        image = parts.reshape(source, *height_and_width, channels, part="image")
    kernel = parts.add(
        _layers.DepthwiseConv2D,
        image,
        part="kernel",
        shape=parts.shape(image),
        weights=(factor.reshape(1, 1, -1, 1), offset),
        kernel_size=1,
    )
    return parts.replaced(parts.reshape(kernel, *node.output_shape[1:]))
