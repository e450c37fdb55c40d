"""SeparableConv → depthwise convolution + pointwise convolution, each with its own quantized kernel."""

from __future__ import annotations

import tf_keras

from qat_kit.prepare.graph import Graph, Node

_PARTS = {
    tf_keras.layers.SeparableConv1D: (tf_keras.layers.DepthwiseConv1D, tf_keras.layers.Conv1D),
    tf_keras.layers.SeparableConv2D: (tf_keras.layers.DepthwiseConv2D, tf_keras.layers.Conv2D),
}


def split_separable(graph: Graph) -> Graph:
    """Replaces each separable convolution by the two convolutions that it is."""
    return graph.replaced(
        {node.name: _split(graph, node) for node in graph.nodes.values() if node.layer_class in _PARTS}
    )


def _split(graph: Graph, node: Node) -> tuple[Node, Node]:
    depthwise_class, pointwise_class = _PARTS[node.layer_class]
    config = node.config
    depthwise_kernel, pointwise_kernel, *bias = node.weights
    shared = {key: config[key] for key in ("trainable", "dtype", "data_format")}
    depthwise = Node(
        name=graph.free_name(f"{node.name}_depthwise"),
        layer_class=depthwise_class,
        config={
            **shared,
            "name": graph.free_name(f"{node.name}_depthwise"),
            "kernel_size": config["kernel_size"],
            "strides": config["strides"],
            "padding": config["padding"],
            "dilation_rate": config["dilation_rate"],
            "depth_multiplier": config["depth_multiplier"],
            "depthwise_initializer": config["depthwise_initializer"],
            "depthwise_regularizer": config["depthwise_regularizer"],
            "depthwise_constraint": config["depthwise_constraint"],
            "use_bias": False,
        },
        inputs=node.inputs,
        output_shape=(*node.output_shape[:-1], pointwise_kernel.shape[-2]),
        weights=(depthwise_kernel,),
        origins=node.origins,
        shares=node.shares,
    )
    pointwise = Node(
        name=node.name,
        layer_class=pointwise_class,
        config={
            **shared,
            "name": node.name,
            "filters": config["filters"],
            "kernel_size": 1,
            "strides": 1,
            "dilation_rate": 1,
            "padding": "valid",
            "activation": config["activation"],
            "use_bias": config["use_bias"],
            "kernel_initializer": config["pointwise_initializer"],
            "kernel_regularizer": config["pointwise_regularizer"],
            "kernel_constraint": config["pointwise_constraint"],
            "bias_initializer": config["bias_initializer"],
            "bias_regularizer": config["bias_regularizer"],
            "bias_constraint": config["bias_constraint"],
        },
        inputs=(depthwise.name,),
        output_shape=node.output_shape,
        weights=(pointwise_kernel, *bias),
        origins=node.origins,
        shares=node.shares,
    )
    return depthwise, pointwise
