"""Inputs of integers that are numbers, such as the bytes of an image → inputs of float32 with the same values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import tf_keras

from qat_kit.errors import UnsupportedLayerError
from qat_kit.prepare.graph import Graph, Node

_layers = tf_keras.layers

# They make real numbers of whatever they are given.
_CASTING = (_layers.Rescaling, _layers.Normalization)
# Float32 holds each of their values.
_NUMBERS = ("uint8", "int8", "uint16", "int16")


def take_integer_numbers(graph: Graph) -> Graph:
    """Makes an input of 8 or 16 bits that only Rescaling, Normalization or a cast read one of float32.

    The file then takes codes of the same values, the scaling folded into the layer behind. Raises UnsupportedLayerError
    for an input of integers, or of truth values, that anything else reads but an embedding.
    """
    changes: dict[str, tuple[Node, ...]] = {}
    for name in graph.inputs:
        node = graph.nodes[name]
        dtype = np.dtype(node.config["dtype"] or "float32")
        readers = [graph.nodes[reader] for reader in graph.consumers(name)]
        if dtype.kind == "f" or not readers or any(reader.layer_class is _layers.Embedding for reader in readers):
            continue
        others = [reader for reader in readers if not _casts(reader)]
        if others or dtype.name not in _NUMBERS:
            reader = (others or readers)[0]
            raise UnsupportedLayerError(
                name,
                f"Input of {dtype.name}",
                f"Layer {reader.name!r} ({reader.kind}) computes with it, and integers are indices of an Embedding or "
                "pixels for a Rescaling. Give the model real numbers: Input(shape, dtype='float32').",
            )
        changes[name] = (replace(node, config={**node.config, "dtype": "float32"}),)
    return graph.replaced(changes)


def _casts(node: Node) -> bool:
    if node.layer_class in _CASTING:
        return True
    wanted = node.arguments.get("dtype")
    return node.config.get("function") == "cast" and str(getattr(wanted, "name", wanted)) == "float32"
