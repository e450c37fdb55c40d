"""Conv1D and its like → layers of two dimensions on images of height 1: [length, channels] → [1, length, channels]."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import tf_keras

from qat_kit.prepare.graph import Graph, Node, Shape
from qat_kit.prepare.relayout import Layout, Relayout

_layers = tf_keras.layers


def run_as_images(graph: Graph) -> Graph:
    """Replaces the 1-D layers: convolutions, transposed convolutions, pools and up-sampling; and between them padding,
    cropping, joining and elementwise layers, which then need no change of shape."""
    return Relayout(graph=graph, layout=_LAYOUT).run()


def _shape(shape: Shape) -> Shape:
    return (shape[0], 1, *shape[1:])


def _reshaped(node: Node, shape: Shape) -> Node:
    config = {**node.config, "target_shape": tuple(shape[1:])}
    return replace(node, layer_class=_layers.Reshape, config=config, output_shape=shape)


def _takes(node: Node) -> bool:
    return None not in node.output_shape[1:] and node.config.get("data_format") in (None, "channels_last")


def _as(kind: type[Any], change: Callable[[Node], dict[str, Any]], unsqueezed: int = 0) -> Callable[..., str]:
    """What makes a node of class `kind`; change: the arguments that differ.

    unsqueezed: how many of its weights, the first ones, get a first axis of 1.
    """

    def make(run: Relayout, node: Node, inputs: tuple[str, ...] | None = None) -> str:
        weights = tuple(np.expand_dims(weight, 0) for weight in node.weights[:unsqueezed])
        return run.add(
            replace(
                node.configured(**change(node)),
                layer_class=kind,
                inputs=inputs or run.in_other(node),
                output_shape=_shape(node.output_shape),
                weights=(*weights, *node.weights[unsqueezed:]),
            )
        )

    return make


def _pairs(*keys: str) -> Callable[[Node], dict[str, Any]]:
    """These arguments of one number as pairs: (1, number)."""
    return lambda node: {key: (1, _number(node.config[key])) for key in keys}


def _number(value: Any) -> int:
    return int(value[0] if isinstance(value, list | tuple) else value)


def _sides(key: str) -> Callable[[Node], dict[str, Any]]:
    """Padding or cropping at both ends, none in height."""
    return lambda node: {key: ((0, 0), tuple(node.config[key])), "data_format": "channels_last"}


def _convolution(run: Relayout, node: Node) -> str:
    """Causal padding, which Conv2D does not know, is a layer of its own."""
    make = _as(_layers.Conv2D, _pairs("kernel_size", "strides", "dilation_rate"), 1)
    if node.config["padding"] != "causal":
        return make(run, node)
    amount = (_number(node.config["kernel_size"]) - 1) * _number(node.config["dilation_rate"])
    (source,) = run.in_other(node)
    if amount:
        parts = run.parts(node)
        source = parts.add(_layers.ZeroPadding2D, source, part="causal", padding=((0, 0), (amount, 0)))
        run.put(parts)
    return make(run, node.configured(padding="valid"), (source,))


def _depthwise(node: Node) -> dict[str, Any]:
    """TensorFlow takes depthwise strides of one number alone; in a height of 1 any is right."""
    stride = _number(node.config["strides"])
    return {**_pairs("kernel_size", "dilation_rate")(node), "strides": (stride, stride)}


def _transposed(node: Node) -> dict[str, Any]:
    padding = node.config["output_padding"]
    return {
        **_pairs("kernel_size", "strides", "dilation_rate")(node),
        "output_padding": None if padding is None else (0, _number(padding)),
    }


def _upsampling(node: Node) -> dict[str, Any]:
    return {"size": (1, _number(node.config["size"])), "interpolation": "nearest", "data_format": "channels_last"}


def _joined(node: Node) -> dict[str, Any]:
    axis = int(node.config["axis"])
    return {"axis": axis + 1 if axis > 0 else axis}


def _shared_axes(node: Node) -> dict[str, Any]:
    return {"shared_axes": [1, *(axis + 1 for axis in node.config["shared_axes"] or ())]}


def _global_pool(kind: type[Any]) -> Callable[..., str]:
    def make(run: Relayout, node: Node) -> str:
        keepdims = bool(node.config.get("keepdims"))
        inputs = (run.in_plain(node.inputs[0]),) if keepdims else run.in_other(node)
        return run.add(replace(node, layer_class=node.layer_class if keepdims else kind, inputs=inputs))

    return make


def _same(_: Node) -> dict[str, Any]:
    return {}


_LAYOUT = Layout(
    suffix="image",
    back_suffix="sequence",
    takes=_takes,
    there=lambda node: _reshaped(node, _shape(node.output_shape)),
    back=lambda node: _reshaped(node, node.output_shape),
    shape=_shape,
    must={
        _layers.Conv1D: _convolution,
        _layers.DepthwiseConv1D: _as(_layers.DepthwiseConv2D, _depthwise, 1),
        _layers.Conv1DTranspose: _as(_layers.Conv2DTranspose, _transposed, 1),
        _layers.MaxPooling1D: _as(_layers.MaxPooling2D, _pairs("pool_size", "strides")),
        _layers.AveragePooling1D: _as(_layers.AveragePooling2D, _pairs("pool_size", "strides")),
        _layers.UpSampling1D: _as(_layers.UpSampling2D, _upsampling),
    },
    may={
        _layers.ZeroPadding1D: _as(_layers.ZeroPadding2D, _sides("padding")),
        _layers.Cropping1D: _as(_layers.Cropping2D, _sides("cropping")),
        _layers.SpatialDropout1D: _as(_layers.SpatialDropout2D, _same),
        _layers.PReLU: _as(_layers.PReLU, _shared_axes, 1),
        _layers.Concatenate: _as(_layers.Concatenate, _joined),
    },
    ends={
        _layers.GlobalAveragePooling1D: _global_pool(_layers.GlobalAveragePooling2D),
        _layers.GlobalMaxPooling1D: _global_pool(_layers.GlobalMaxPooling2D),
    },
)
