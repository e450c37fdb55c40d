"""Masks: which steps of a sequence do not count. An int8 file has none, so a model that uses one is refused by name."""

from __future__ import annotations

import inspect

import tf_keras

from qat_kit.errors import UnsupportedLayerError
from qat_kit.prepare.building import rebuilt_layer
from qat_kit.prepare.graph import Graph, Node

_layers = tf_keras.layers


def refuse_masks(graph: Graph) -> Graph:
    """Turns `mask_zero` off where no layer uses the mask that it makes.

    Raises UnsupportedLayerError naming the layer that uses one, and Masking, which changes the values themselves.
    """
    # Tensor → the layer that its mask comes from.
    masked: dict[str, str] = {}
    for node in graph.nodes.values():
        if node.layer_class is _layers.Masking:
            raise UnsupportedLayerError(
                node.name, node.kind, "Give the model sequences of one length, padded as in training, without Masking."
            )
        if node.layer_class is _layers.Embedding and node.config["mask_zero"]:
            masked[node.name] = node.name
            continue
        source = next((masked[tensor] for tensor in node.inputs if tensor in masked), None)
        if source is None:
            continue
        if _uses_mask(node):
            raise UnsupportedLayerError(
                node.name,
                f"{node.kind} with a mask",
                f"Layer {source!r} makes it (mask_zero=True), and an int8 file has no masks. Train with "
                "mask_zero=False, sequences padded at the front, or with a layer that takes no mask, such as Conv1D.",
            )
        if _passes_mask(node):
            masked[node.name] = source
    return graph.replaced({name: (graph.nodes[name].configured(mask_zero=False),) for name in set(masked.values())})


def _uses_mask(node: Node) -> bool:
    """Whether Keras hands the mask of its input to a layer."""
    return "mask" in inspect.signature(node.layer_class.call).parameters


def _passes_mask(node: Node) -> bool:
    """Whether Keras hangs the mask on the layer's output, too."""
    layer = rebuilt_layer(node)
    return bool(layer.supports_masking) or not hasattr(type(layer).compute_mask, "_is_default")
