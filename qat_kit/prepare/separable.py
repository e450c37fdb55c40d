"""SeparableConv → depthwise convolution + pointwise convolution, each with its own quantized kernel."""

from __future__ import annotations

import tf_keras

from qat_kit.prepare.decomposition import Decomposition
from qat_kit.prepare.graph import Graph

_PARTS = {
    tf_keras.layers.SeparableConv1D: (tf_keras.layers.DepthwiseConv1D, tf_keras.layers.Conv1D),
    tf_keras.layers.SeparableConv2D: (tf_keras.layers.DepthwiseConv2D, tf_keras.layers.Conv2D),
}


def split_separable(graph: Graph) -> Graph:
    """Replaces each separable convolution by the two convolutions that it is."""
    for name in tuple(graph.nodes):
        if graph.nodes[name].layer_class in _PARTS:
            graph = _split(Decomposition(graph, graph.nodes[name]))
    return graph


def _split(parts: Decomposition) -> Graph:
    node, config = parts.node, parts.node.config
    depthwise_class, pointwise_class = _PARTS[node.layer_class]
    depthwise_kernel, pointwise_kernel, *bias = node.weights
    same = ("kernel_size", "strides", "padding", "dilation_rate", "depth_multiplier", "data_format")
    depthwise = parts.add(
        depthwise_class,
        *node.inputs,
        part="depthwise",
        shape=(*node.output_shape[:-1], pointwise_kernel.shape[-2]),
        weights=(depthwise_kernel,),
        use_bias=False,
        **{key: config[key] for key in same},
        **{key: config[key] for key in config if key.startswith("depthwise_")},
    )
    return parts.replaced(
        parts.add(
            pointwise_class,
            depthwise,
            part="pointwise",
            shape=node.output_shape,
            weights=(pointwise_kernel, *bias),
            kernel_size=1,
            **{key: config[key] for key in ("filters", "use_bias", "activation", "data_format")},
            **{key.replace("pointwise", "kernel"): config[key] for key in config if key.startswith("pointwise_")},
            **{key: config[key] for key in config if key.startswith("bias_")},
        )
    )
