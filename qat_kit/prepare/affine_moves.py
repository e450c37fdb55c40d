"""`x · factor + offset` on the other side of a layer that it commutes with, so that it reaches a kernel.

    L(x · factor + offset) = L(x) · factor' + offset'

What is dropped in training, cropping, repeated pixels and averages commute with any of them; padding with zeros where
the offset is zero; a maximum where no factor is negative or zero; another shape where the numbers of a channel stay
those of one channel. Exact in inference. (Behind a dropout that was before it, an offset is dropped with the rest.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import numpy as np
import tf_keras
from numpy.typing import NDArray

from qat_kit.prepare.graph import Graph, Node, Shape

_layers = tf_keras.layers

_ALWAYS = (
    *(_layers.Dropout, _layers.SpatialDropout1D, _layers.SpatialDropout2D, _layers.SpatialDropout3D),
    *(_layers.ActivityRegularization, _layers.Cropping1D, _layers.Cropping2D, _layers.Cropping3D),
    *(_layers.UpSampling1D, _layers.UpSampling2D, _layers.UpSampling3D),
    *(_layers.AveragePooling1D, _layers.AveragePooling2D, _layers.AveragePooling3D),
    *(_layers.GlobalAveragePooling1D, _layers.GlobalAveragePooling2D, _layers.GlobalAveragePooling3D),
)
_PADDING = (_layers.ZeroPadding1D, _layers.ZeroPadding2D, _layers.ZeroPadding3D)
_MAXIMA = (
    *(_layers.MaxPooling1D, _layers.MaxPooling2D, _layers.MaxPooling3D),
    *(_layers.GlobalMaxPooling1D, _layers.GlobalMaxPooling2D, _layers.GlobalMaxPooling3D),
)
_SHAPES = (_layers.Reshape, _layers.Flatten)

Weights = tuple[NDArray[Any], ...]


def moved_back(graph: Graph, node: Node, folds: Callable[[Node], bool]) -> Graph:
    """The affine node moved up to the first layer that takes it in; the graph itself where there is none.

    folds: whether a layer takes in an affine node right behind it.
    """
    moved, place = graph, node
    while True:
        before = moved.nodes.get(place.inputs[0])
        if before is None or not moved.feeds_only_one(before.name):
            return graph
        if folds(before):
            return moved
        if len(before.inputs) != 1:
            return graph
        shape = moved.shape_of(before.inputs[0])
        weights = through(before, place.weights, after=before.output_shape, before=shape)
        if weights is None:
            return graph
        place = replace(place, inputs=before.inputs, weights=weights, output_shape=shape)
        behind = replace(before, inputs=(place.name,), origins=(*before.origins, *place.origins))
        moved = moved.replaced({before.name: (place, behind), place.name: ()})


def moved_forward(graph: Graph, node: Node, takes: Callable[[Node, NDArray[Any]], bool]) -> Graph:
    """The affine node moved down to where every layer behind it takes it in; the graph itself where there is no such.

    takes: whether a layer takes in an affine node with that offset before it.
    """
    moved, place = graph, node
    while True:
        behind = [moved.nodes[name] for name in moved.consumers(place.name)]
        if place.name in moved.outputs or not behind:
            return graph
        if all(takes(layer, place.weights[1]) for layer in behind):
            return moved
        if len(behind) != 1 or behind[0].name in moved.outputs:
            return graph
        (layer,) = behind
        weights = through(layer, place.weights, before=layer.output_shape, after=place.output_shape)
        if weights is None:
            return graph
        first = replace(layer, inputs=place.inputs)
        place = replace(place, inputs=(layer.name,), weights=weights, output_shape=layer.output_shape)
        moved = moved.replaced({place.name: (), layer.name: (first, place)})


def through(layer: Node, weights: Weights, *, after: Shape, before: Shape) -> Weights | None:
    """Factor and offset on the other side of a layer; None where they do not commute.

    after: the shape of the tensor that they belong to; before: of the one on the other side.
    """
    factor, offset = weights
    kind = layer.layer_class
    if layer.arguments or len(layer.inputs) != 1 or layer.shares is not None:
        return None
    if kind in _ALWAYS or (kind in _PADDING and not np.any(offset)) or (kind in _MAXIMA and bool(np.all(factor > 0))):
        return weights
    if kind in _SHAPES and None not in (*after[1:], *before[1:]):
        sizes, other = ([int(size or 0) for size in shape[1:]] for shape in (after, before))
        moved = tuple(_reshaped(values, sizes, other) for values in weights)
        return None if any(values is None for values in moved) else cast("Weights", moved)
    return None


def _reshaped(values: NDArray[Any], sizes: list[int], other: list[int]) -> NDArray[Any] | None:
    """The values [channels] of a tensor of some sizes, for the same tensor of others.

    None where a channel of that would have several.
    """
    everywhere = np.broadcast_to(values, sizes).reshape(-1, other[-1])
    first = everywhere[0].copy()
    return first if np.array_equal(everywhere, np.broadcast_to(first, everywhere.shape)) else None
