"""A dilated transposed convolution → a dilated convolution of the turned kernel: the converter leaves it float.

With a stride of 1, which TensorFlow demands beside a dilation, a transposed convolution is a convolution with the
kernel turned round in height and width, over an image padded with zeros by what the kernel reaches.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import tf_keras

from qat_kit.errors import UnsupportedLayerError
from qat_kit.prepare.decomposition import Decomposition
from qat_kit.prepare.graph import Graph

_layers = tf_keras.layers


def turn_dilated_kernels(graph: Graph) -> Graph:
    """Replaces every Conv2DTranspose whose dilation is not 1.

    Raises UnsupportedLayerError for a dilated Conv1DTranspose, which TensorFlow computes on no CPU.
    """
    for name, node in tuple(graph.nodes.items()):
        if set(node.config.get("dilation_rate", (1,))) == {1}:
            continue
        if node.layer_class is _layers.Conv1DTranspose:
            raise UnsupportedLayerError(
                name,
                f"dilated {node.kind}",
                "TensorFlow has it on no CPU; use dilation_rate=1, or Conv2DTranspose.",
            )
        if node.layer_class is _layers.Conv2DTranspose:
            graph = _turned(graph, name)
    return graph


def _turned(graph: Graph, name: str) -> Graph:
    parts = Decomposition(graph, graph.nodes[name])
    node, config = parts.node, parts.node.config
    sizes = parts.sizes(node.inputs[0])[:2]
    padding = []
    for size, made, length, dilation in zip(
        sizes, node.output_shape[1:3], config["kernel_size"], config["dilation_rate"], strict=True
    ):
        reach = (length - 1) * dilation
        # What the convolution that this one transposes would have padded in front ("same") is cut off there.
        before = reach - (reach // 2 if config["padding"] == "same" else 0)
        padding.append((before, (made or 0) + reach - size - before))
    (tensor,) = node.inputs
    if any(amount for side in padding for amount in side):
        tensor = parts.add(_layers.ZeroPadding2D, tensor, part="padded", padding=tuple(padding))
    kernel, *bias = node.weights
    turned = np.swapaxes(kernel[::-1, ::-1], 2, 3).copy()
    kept = {key: value for key, value in config.items() if key != "output_padding"}
    config = {**kept, "padding": "valid"}
    convolution = replace(node, layer_class=_layers.Conv2D, config=config, inputs=(tensor,), weights=(turned, *bias))
    return parts.replaced(parts.put(convolution))
