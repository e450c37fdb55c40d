"""Resizing and UpSampling2D, in the forms that LiteRT has an integer kernel for.

LiteRT resizes by RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR alone (tflite/kernels/builtin_op_kernels.h). Any other way
is a sum of rows and of columns with weights that the sizes decide: two dense layers that are not trained, with as many
products as the image has pixels times its new height and width.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras
from numpy.typing import NDArray

from qat_kit.errors import UnsupportedLayerError
from qat_kit.prepare.decomposition import Decomposition
from qat_kit.prepare.graph import Graph

_layers = tf_keras.layers

_OPERATORS = ("bilinear", "nearest")


def replace_resizing(graph: Graph) -> Graph:
    """Resizing over whole areas → AveragePooling2D, which it is; bicubic, Lanczos and other ways → dense layers.

    A Resizing to the same size is left out. Raises UnsupportedLayerError for `crop_to_aspect_ratio`.
    """
    for name in tuple(graph.nodes):
        node = graph.nodes[name]
        if node.layer_class is _layers.Resizing or (
            node.layer_class is _layers.UpSampling2D and node.config["interpolation"] not in _OPERATORS
        ):
            parts = Decomposition(graph, node)
            result = _resized(parts)
            if result is not None:
                graph = parts.replaced(result)
    return graph


def _resized(parts: Decomposition) -> str | None:
    """The parts' last tensor; None for a layer that is an operator."""
    config, (source,) = parts.node.config, parts.node.inputs
    if config.get("crop_to_aspect_ratio"):
        raise UnsupportedLayerError(
            parts.name, "Resizing(crop_to_aspect_ratio=True)", "Use Cropping2D, and Resizing behind it."
        )
    _, *before, _ = parts.shape(source)
    if before == list(parts.node.output_shape[1:3]):
        return source
    if config["interpolation"] in _OPERATORS:
        return None
    height, width, _ = parts.sizes(source)
    after = [size or 0 for size in parts.node.output_shape[1:3]]
    if config["interpolation"] == "area" and not height % after[0] and not width % after[1]:
        areas = (height // after[0], width // after[1])
        return parts.add(_layers.AveragePooling2D, source, pool_size=areas, strides=areas)
    method = config["interpolation"]
    rows = _weighted(parts, parts.permute(source, 0, 2, 3, 1), _weights(height, after[0], method), part="rows")
    columns = _weighted(parts, parts.permute(rows, 0, 3, 2, 1), _weights(width, after[1], method), part="columns")
    return parts.permute(columns, 0, 1, 3, 2)


def _weighted(parts: Decomposition, source: str, weights: NDArray[Any], *, part: str) -> str:
    units = weights.shape[1]
    shape = (*parts.shape(source)[:-1], units)
    kernel = {"weights": (weights,), "units": units, "use_bias": False, "trainable": False}
    return parts.add(_layers.Dense, source, part=part, shape=shape, **kernel)


def _weights(before: int, after: int, method: str) -> NDArray[Any]:
    """What each old row adds to each new one, [before, after]: a picture of each row alone, resized."""
    rows = np.eye(before, dtype=np.float32)[np.newaxis, :, np.newaxis, :]
    resized = tf.image.resize(rows, (after, 1), method=method)
    return np.asarray(resized, np.float64).reshape(after, before).T
