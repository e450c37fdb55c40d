"""Layers that change images at random in training: identities in the file, where they leave the image's size."""

from __future__ import annotations

from dataclasses import replace

import tf_keras

from qat_kit.errors import UnsupportedLayerError
from qat_kit.prepare.graph import Graph, Node

_layers = tf_keras.layers

# In inference they return what they are given.
AUGMENTATIONS: tuple[type[tf_keras.layers.Layer], ...] = (
    *(_layers.RandomFlip, _layers.RandomTranslation, _layers.RandomRotation, _layers.RandomZoom),
    *(_layers.RandomContrast, _layers.RandomBrightness),
)
_CROPS = (_layers.RandomCrop, _layers.CenterCrop)
_SIZES = {_layers.RandomHeight: "height", _layers.RandomWidth: "width"}


def take_augmentation(graph: Graph) -> Graph:
    """CenterCrop → Cropping2D; a crop to the size that the image has is left out.

    Raises UnsupportedLayerError for a crop that resizes in inference, and for RandomHeight and RandomWidth, behind
    which no size is known.
    """
    changes: dict[str, tuple[Node, ...]] = {}
    for node in graph.nodes.values():
        if node.layer_class in _SIZES:
            raise UnsupportedLayerError(
                node.name,
                node.kind,
                f"Behind it the image's {_SIZES[node.layer_class]} is not known, and a file has fixed sizes. Leave it "
                "out of the model and change the training images themselves (`dataset.map`).",
            )
        if node.layer_class in _CROPS:
            changes[node.name] = _cropped(graph, node)
    return graph.replaced(changes)


def _cropped(graph: Graph, node: Node) -> tuple[Node, ...]:
    before, after = graph.shape_of(node.inputs[0])[1:3], (node.config["height"], node.config["width"])
    if before == after:
        return ()
    height, width = before
    if node.layer_class is _layers.RandomCrop or not height or not width or height < after[0] or width < after[1]:
        raise UnsupportedLayerError(
            node.name,
            f"{node.kind} from {height}×{width} to {after[0]}×{after[1]}",
            "In inference it crops to the shape of the target and resizes. Crop the training images themselves, or say "
            "which part is meant: Cropping2D, and Resizing behind it.",
        )
    # As Keras rounds: the smaller part is cut off in front.
    rows, columns = height - after[0], width - after[1]
    cropping = ((rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2))
    config = {"name": node.name, "dtype": node.config["dtype"], "cropping": cropping}
    return (replace(node, layer_class=_layers.Cropping2D, config=config),)
