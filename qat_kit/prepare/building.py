"""From a graph to a Keras model, and from a node to a layer that can be called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from qat_kit.errors import UnsupportedLayerError
from qat_kit.prepare.graph import Graph, Node, Operand, index_of, node_of


def build_model(graph: Graph, make_layer: Callable[[Node], tf_keras.layers.Layer] | None = None) -> tf_keras.Model:
    """A Functional model with the layers, weights and names of `graph`.

    Nodes of equal `shares` become calls of one layer, which has the first one's name. make_layer: what to call in the
    place of a node; its weights are then the caller's to set.
    """
    made: dict[str, list[Any]] = {}
    shared: dict[str, tf_keras.layers.Layer] = {}
    for node in graph.nodes.values():
        if node.layer_class is tf_keras.layers.InputLayer:
            shape, dtype = node.config["batch_input_shape"], node.config["dtype"]
            made[node.name] = [tf_keras.Input(batch_shape=shape, dtype=dtype, name=node.name)]
            continue
        layer = shared.get(node.shares or "")
        is_new = layer is None
        if layer is None:
            layer = rebuilt_layer(node) if make_layer is None else make_layer(node)
            if node.shares:
                shared[node.shares] = layer
        outputs = call_layer(layer, node, [made[node_of(name)][index_of(name)] for name in node.inputs])
        made[node.name] = tf.nest.flatten(outputs)
        if is_new and make_layer is None and node.weights:
            set_weights(layer, node)
    return tf_keras.Model(
        [made[name][0] for name in graph.inputs],
        [made[node_of(name)][index_of(name)] for name in graph.outputs],
        name=graph.name,
    )


def rebuilt_layer(node: Node) -> tf_keras.layers.Layer:
    """The node's layer, without its weights; raises UnsupportedLayerError where its configuration does not suffice."""
    try:
        return node.layer_class.from_config(dict(node.config))
    except (TypeError, ValueError) as error:
        reason = str(error).splitlines()[-1]
        raise UnsupportedLayerError(
            node.name, node.kind, f"It cannot be rebuilt from its configuration: {reason}"
        ) from error


def call_layer(layer: Any, node: Node, inputs: Sequence[Any], **mode: bool) -> Any:
    """Calls a layer as its node says; mode: `training`, where the caller decides it."""
    if not node.arguments:
        return layer(inputs[0] if len(inputs) == 1 else list(inputs), **mode)

    def tensor_for(value: Any) -> Any:
        return inputs[value.index] if isinstance(value, Operand) else value

    # The first parameter of a layer's call is positional for Keras, whatever its name is.
    first, *others = tf.nest.map_structure(tensor_for, dict(node.arguments)).items()
    spread = [value for key, values in others if key.startswith("*") for value in values]
    return layer(first[1], *spread, **{key: value for key, value in others if not key.startswith("*")}, **mode)


def set_weights(layer: tf_keras.layers.Layer, node: Node) -> None:
    """Gives a built layer its node's weights, cast to what the layer holds."""
    for weight, value in zip(layer.weights, node.weights, strict=True):
        # Narrowed by NumPy, widened by TensorFlow: neither copies more than it must.
        is_wider = value.dtype.itemsize > weight.dtype.size
        weight.assign(tf.cast(np.asarray(value, weight.dtype.name) if is_wider else value, weight.dtype))
