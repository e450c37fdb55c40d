"""Resizing and UpSampling2D, in the forms that LiteRT has an integer kernel for."""

from __future__ import annotations

from dataclasses import replace

import tf_keras

from qat_kit.errors import UnsupportedLayerError
from qat_kit.prepare.graph import Graph, Node

_layers = tf_keras.layers


def resize_by_pooling(graph: Graph) -> Graph:
    """Resizing over whole areas → AveragePooling2D, which it is; a Resizing to the same size is left out.

    Raises UnsupportedLayerError for `crop_to_aspect_ratio` and for areas that do not divide the image evenly.
    """
    resizings = [node for node in graph.nodes.values() if node.layer_class is _layers.Resizing]
    return graph.replaced({node.name: _resized(graph, node) for node in resizings})


def _resized(graph: Graph, node: Node) -> tuple[Node, ...]:
    config = node.config
    _, height, width, _ = graph.shape_of(node.inputs[0])
    if config.get("crop_to_aspect_ratio"):
        raise UnsupportedLayerError(
            node.name, "Resizing(crop_to_aspect_ratio=True)", "Use Cropping2D, and Resizing behind it."
        )
    if (height, width) == (config["height"], config["width"]):
        return ()
    if config["interpolation"] != "area":
        return (node,)
    if not height or not width or height % config["height"] or width % config["width"]:
        raise UnsupportedLayerError(
            node.name,
            f"Resizing(interpolation='area') from {height}×{width} to {config['height']}×{config['width']}",
            "Areas must divide the image evenly; use interpolation='bilinear' or 'nearest'.",
        )
    areas = (height // config["height"], width // config["width"])
    pool = {"name": node.name, "dtype": config["dtype"], "pool_size": areas, "strides": areas}
    return (replace(node, layer_class=_layers.AveragePooling2D, config=pool),)
