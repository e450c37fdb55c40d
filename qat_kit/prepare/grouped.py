"""A convolution with a group for each of its input channels → a depthwise convolution, which is the same thing.

tf_keras compiles a grouped convolution anew for every shape, to train it on a CPU at all; LiteRT's depthwise kernels
are made for it. `keras.applications.ConvNeXt` writes its depthwise convolutions so.
"""

from __future__ import annotations

import tf_keras

from qat_kit.prepare.decomposition import Decomposition
from qat_kit.prepare.graph import Graph

_layers = tf_keras.layers

_DEPTHWISE = {_layers.Conv1D: _layers.DepthwiseConv1D, _layers.Conv2D: _layers.DepthwiseConv2D}
_KEPT = ("kernel_size", "strides", "padding", "dilation_rate", "data_format", "use_bias", "activation")
_HELD = ("initializer", "regularizer", "constraint")


def make_depthwise(graph: Graph) -> Graph:
    """Replaces every Conv1D and Conv2D of as many groups as input channels."""
    for name in tuple(graph.nodes):
        node = graph.nodes[name]
        # A depthwise convolution has one stride for height and width, and no causal padding.
        if (
            node.layer_class in _DEPTHWISE
            and 1 < node.config["groups"] == graph.shape_of(node.inputs[0])[-1]
            and len(set(node.config["strides"])) == 1
            and node.config["padding"] != "causal"
        ):
            graph = _depthwise(Decomposition(graph, node))
    return graph


def _depthwise(parts: Decomposition) -> Graph:
    """[…, 1, channels · multiplier] → […, channels, multiplier]."""
    node, config = parts.node, parts.node.config
    kernel, *bias = node.weights
    multiplier = config["filters"] // config["groups"]
    return parts.replaced(
        parts.add(
            _DEPTHWISE[node.layer_class],
            *node.inputs,
            shape=node.output_shape,
            weights=(kernel.reshape(*kernel.shape[:-2], config["groups"], multiplier), *bias),
            depth_multiplier=multiplier,
            **{key: config[key] for key in _KEPT},
            **{f"depthwise_{end}": config[f"kernel_{end}"] for end in _HELD},
            **{f"bias_{end}": config[f"bias_{end}"] for end in _HELD},
        )
    )
