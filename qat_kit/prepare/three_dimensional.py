"""Conv3D → convolutions of two dimensions over the frames of a volume; 3-D pools and up-sampling → two 2-D ones.

    y[d] = Σ_j W[j] ∗ x[d · stride + j · dilation]  =  [W[0], W[1], …] ∗ concat_j x[d · stride + j · dilation]

The frames that one output frame sees are joined along the channels, for all output frames at once: a slice a depth of
the kernel, one CONCATENATION, and one CONV_2D with the depth in the batch. The converter leaves CONV_3D float.
A pool over depth, height and width is one over depth and height, then one over width.

[batch, depth, height, width, channels] is a volume, [batch · depth, height, width, channels] its frames.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import tf_keras

from qat_kit.errors import UnsupportedLayerError
from qat_kit.layers import JoinBatch, SplitBatch
from qat_kit.prepare.graph import Graph, Node, Shape
from qat_kit.prepare.relayout import Layout, Relayout

_layers = tf_keras.layers


def run_as_frames(graph: Graph) -> Graph:
    """Replaces the 3-D layers; raises UnsupportedLayerError for a grouped Conv3D that spans several frames."""
    return Relayout(graph=graph, layout=_LAYOUT).run()


def _frames(shape: Shape) -> Shape:
    return (shape[0], *shape[2:])


def _join(node: Node) -> Node:
    return replace(node, layer_class=JoinBatch, output_shape=_frames(node.output_shape))


def _split(node: Node) -> Node:
    return replace(node, layer_class=SplitBatch, config={**node.config, "length": node.output_shape[1]})


def _takes(node: Node) -> bool:
    return None not in node.output_shape[1:] and node.config.get("data_format") in (None, "channels_last")


def _convolution(run: Relayout, node: Node) -> str:
    config = node.config
    depth, stride, dilation = (config[key][0] for key in ("kernel_size", "strides", "dilation_rate"))
    kernel, *bias = node.weights
    if depth == 1 and stride == 1:
        (source,) = run.in_other(node)
    elif config.get("groups", 1) != 1:
        raise UnsupportedLayerError(node.name, f"{node.kind} with groups", "Use groups=1, or a kernel of depth 1.")
    else:
        source = _joined_frames(run, node, depth, stride, dilation)
    # [depth, height, width, in, out] → [height, width, depth · in, out]
    moved = np.moveaxis(kernel, 0, 2)
    changes = {key: tuple(config[key][1:]) for key in ("kernel_size", "strides", "dilation_rate")}
    return run.add(
        replace(
            node.configured(**changes),
            layer_class=_layers.Conv2D,
            inputs=(source,),
            output_shape=_frames(node.output_shape),
            weights=(moved.reshape(*moved.shape[:2], -1, moved.shape[-1]), *bias),
        )
    )


def _joined_frames(run: Relayout, node: Node, depth: int, stride: int, dilation: int) -> str:
    """For each output frame, the frames that it sees, side by side along the channels; as frames."""
    source = run.in_plain(node.inputs[0])
    parts = run.parts(node)
    length, frames = parts.size(source, 1), int(node.output_shape[1] or 0)
    reach = (frames - 1) * stride + (depth - 1) * dilation + 1
    if node.config["padding"] == "same" and reach > length:
        before = (reach - length) // 2
        padding = ((before, reach - length - before), (0, 0), (0, 0))
        source = parts.add(_layers.ZeroPadding3D, source, part="padded", padding=padding)
    seen = (frames - 1) * stride + 1
    slices = [
        parts.slice(source, start, start + seen, axis=1, step=stride, part=f"depth{place}")
        for place, start in enumerate(range(0, depth * dilation, dilation))
    ]
    joined = parts.join(slices)
    source = parts.add(JoinBatch, joined, part="frames", shape=_frames(parts.shape(joined)))
    run.put(parts)
    return source


def _twice(kind: type[Any], keys: tuple[str, ...], **more: Any) -> Callable[[Relayout, Node], str]:
    """A layer that works on each dimension apart: first over depth and height, then over width."""

    def make(run: Relayout, node: Node) -> str:
        source = run.in_plain(node.inputs[0])
        parts = run.parts(node)
        depth, height, width, channels = parts.sizes(source)
        dropped = {*keys, "name", "dtype"}
        common = {key: value for key, value in node.config.items() if key not in dropped} | more
        first: dict[str, Any] = {key: tuple(node.config[key][:2]) for key in keys}
        second: dict[str, Any] = {key: (1, node.config[key][2]) for key in keys}
        tensor = parts.reshape(source, depth, height, width * channels, part="in_depth")
        tensor = parts.add(kind, tensor, part="over_depth", **common, **first)
        new_depth, new_height, _ = parts.sizes(tensor)
        tensor = parts.reshape(tensor, new_depth * new_height, width, channels, part="in_width")
        tensor = parts.add(kind, tensor, part="over_width", **common, **second)
        return run.put(parts, parts.reshape(tensor, *node.output_shape[1:]))[0]

    return make


_LAYOUT = Layout(
    suffix="frames",
    back_suffix="volume",
    takes=_takes,
    there=_join,
    back=_split,
    shape=_frames,
    must={_layers.Conv3D: _convolution},
    plain={
        _layers.MaxPooling3D: _twice(_layers.MaxPooling2D, ("pool_size", "strides")),
        _layers.AveragePooling3D: _twice(_layers.AveragePooling2D, ("pool_size", "strides")),
        _layers.UpSampling3D: _twice(_layers.UpSampling2D, ("size",), interpolation="nearest"),
    },
)
