"""Conv3D → convolutions of two dimensions over the frames of a volume; 3-D pools and up-sampling → two 2-D ones.

    y[d] = Σ_j W[j] ∗ x[d · stride + j · dilation]  =  [W[0], W[1], …] ∗ concat_j x[d · stride + j · dilation]

The frames that one output frame sees are joined along the channels, for all output frames at once: a slice a depth of
the kernel, one CONCATENATION, and one CONV_2D with the depth in the batch. LiteRT's CONV_3D computes in float alone.
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
from qat_kit.layers import JoinBatch, SplitBatch, StridedSlice
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
    shape = run.graph.shape_of(node.inputs[0])
    length, channels = int(shape[1] or 0), int(shape[-1] or 0)
    frames = int(node.output_shape[1] or 0)
    source = run.in_plain(node.inputs[0])

    def add(role: str, kind: type[Any], inputs: tuple[str, ...], size: Shape, **config: Any) -> str:
        name = run.free_name(f"{node.name}_{role}")
        made = {**config, "name": name, "dtype": node.config["dtype"]}
        shape_with_batch = (node.output_shape[0], *size)
        return run.add(
            Node(
                name=name,
                layer_class=kind,
                config=made,
                inputs=inputs,
                output_shape=shape_with_batch,
                origins=node.origins,
            )
        )

    reach = (frames - 1) * stride + (depth - 1) * dilation + 1
    if node.config["padding"] == "same" and reach > length:
        before = (reach - length) // 2
        padding = ((before, reach - length - before), (0, 0), (0, 0))
        length = reach
        source = add("padded", _layers.ZeroPadding3D, (source,), (length, *shape[2:]), padding=padding)
    slices = []
    for place in range(depth):
        start = place * dilation
        triple = (start, start + (frames - 1) * stride + 1, stride)
        slices.append(add(f"depth{place}", StridedSlice, (source,), (frames, *shape[2:]), slices=[triple]))
    joined = slices[0]
    if depth > 1:
        size = (frames, *shape[2:-1], depth * channels)
        joined = add("joined", _layers.Concatenate, tuple(slices), size, axis=-1)
    return add("frames", JoinBatch, (joined,), (*shape[2:-1], depth * channels))


def _twice(kind: type[Any], keys: tuple[str, ...], **more: Any) -> Callable[[Relayout, Node], str]:
    """A layer that works on each dimension apart: first over depth and height, then over width."""

    def make(run: Relayout, node: Node) -> str:
        (source,) = (run.in_plain(tensor) for tensor in node.inputs)
        _, depth, height, width, channels = (size or 0 for size in run.graph.shape_of(node.inputs[0]))
        _, new_depth, new_height, new_width, _ = (size or 0 for size in node.output_shape)
        flat = width * channels
        common = {key: value for key, value in node.config.items() if key not in keys} | more

        def add(role: str, layer: type[Any], inputs: str, shape: Shape, **config: Any) -> str:
            name = run.free_name(f"{node.name}_{role}") if role else node.name
            made = replace(
                node,
                name=name,
                layer_class=layer,
                inputs=(inputs,),
                config={**config, "name": name, "dtype": node.config["dtype"]},
                output_shape=(node.output_shape[0], *shape),
            )
            return run.add(made)

        def reshape(role: str, inputs: str, shape: Shape) -> str:
            return add(role, _layers.Reshape, inputs, shape, target_shape=shape)

        first = {key: tuple(node.config[key][:2]) for key in keys}
        second = {key: (1, node.config[key][2]) for key in keys}
        tensor = reshape("in_depth", source, (depth, height, flat))
        tensor = add("over_depth", kind, tensor, (new_depth, new_height, flat), **common, **first)
        rows = new_depth * new_height
        tensor = reshape("in_width", tensor, (rows, width, channels))
        tensor = add("over_width", kind, tensor, (rows, new_width, channels), **common, **second)
        return reshape("", tensor, (new_depth, new_height, new_width, channels))

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
