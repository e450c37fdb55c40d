"""Layers with data_format="channels_first" → the same with channels last, between transpositions.

LiteRT's kernels, and TensorFlow's on a CPU, have channels last. A kernel has one layout in both, so its weights stay
what they are. Tensors are transposed where a layer of the one kind meets one of the other: at the ends of the model,
mostly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import tf_keras

from qat_kit.prepare.graph import Graph, Node, Shape
from qat_kit.prepare.relayout import Layout, Relayout

_layers = tf_keras.layers

_IMAGES = (
    *(_layers.Conv2D, _layers.DepthwiseConv2D, _layers.SeparableConv2D, _layers.Conv2DTranspose),
    *(_layers.MaxPooling2D, _layers.AveragePooling2D, _layers.ZeroPadding2D, _layers.Cropping2D),
    *(_layers.UpSampling2D, _layers.SpatialDropout2D),
)
_VECTORS = (_layers.GlobalAveragePooling2D, _layers.GlobalMaxPooling2D, _layers.Flatten)


def is_channels_first(node: Node) -> bool:
    """Whether a layer runs on images with the channels before height and width."""
    return node.config.get("data_format") == "channels_first" and node.layer_class in (*_IMAGES, *_VECTORS)


def run_channels_last(graph: Graph) -> Graph:
    """Turns every such layer; what lies between two of them and can run in either layout is turned with them."""
    if not any(map(is_channels_first, graph.nodes.values())):
        return graph
    return Relayout(graph=graph, layout=_CHANNELS_LAST).run()


def as_channels_last(shape: Shape) -> Shape:
    """The shape of an image, [batch, channels, height, width], with its channels last."""
    batch, channels, *sizes = shape
    return (batch, *sizes, channels)


def _turned(relayout: Relayout, node: Node) -> str:
    """The layer with channels last, its result too."""
    turned = node.configured(data_format="channels_last")
    return relayout.add(
        replace(turned, inputs=relayout.in_other(node), output_shape=as_channels_last(node.output_shape))
    )


def _ended(relayout: Relayout, node: Node) -> str:
    """The layer with channels last, its result a vector."""
    if node.config.get("keepdims"):
        return relayout.add(replace(node, inputs=tuple(relayout.in_plain(tensor) for tensor in node.inputs)))
    inputs = relayout.in_other(node)
    if node.layer_class is _layers.Flatten:
        # Keras puts the channels last itself before it flattens an image with channels first.
        return relayout.add(replace(node.configured(data_format="channels_last"), inputs=inputs))
    return relayout.add(replace(node.configured(data_format="channels_last"), inputs=inputs))


def _along_channels(key: str) -> Callable[[Relayout, Node], str]:
    """A layer with an axis, which is the channels'; any other axis keeps it in the model's layout."""

    def turned(relayout: Relayout, node: Node) -> str:
        axis: Any = node.config[key]
        moved = node.configured(**{key: [3] if isinstance(axis, list | tuple) else 3})
        return relayout.add(
            replace(moved, inputs=relayout.in_other(node), output_shape=as_channels_last(node.output_shape))
        )

    return turned


def _transposed(dims: tuple[int, ...], shape: Callable[[Shape], Shape]) -> Callable[[Node], Node]:
    def make(node: Node) -> Node:
        config = {**node.config, "dims": dims}
        return replace(node, layer_class=_layers.Permute, config=config, output_shape=shape(node.output_shape))

    return make


_CHANNELS_LAST = Layout(
    suffix="channels_last",
    back_suffix="channels_first",
    takes=is_channels_first,
    there=_transposed((2, 3, 1), as_channels_last),
    back=_transposed((3, 1, 2), lambda shape: shape),
    shape=as_channels_last,
    keeps_order=False,
    must=dict.fromkeys(_IMAGES, _turned),
    plain=dict.fromkeys(_VECTORS, _ended),
    may={_layers.BatchNormalization: _along_channels("axis"), _layers.Concatenate: _along_channels("axis")},
    may_where=lambda node: node.config["axis"] in (1, [1], (1,)) and len(node.output_shape) == 4,
)
