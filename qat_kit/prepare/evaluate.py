"""What a graph computes in float64, node by node: one layer and the tensors that are still needed live at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras
from numpy.typing import NDArray

from qat_kit.prepare.building import call_layer, rebuilt_layer, set_weights
from qat_kit.prepare.graph import Graph, Node


@dataclass(frozen=True, kw_only=True)
class Value:
    """A tensor's value. exact: every operator before it ran in float64 (some of TensorFlow's know float32 alone)."""

    array: NDArray[Any]
    exact: bool


def random_inputs(graph: Graph, *, batch: int = 2, seed: int = 0) -> dict[str, NDArray[Any]]:
    """Values for each input of a graph: normal numbers, or indices where the input is of integers.

    A dimension of unknown size gets 8; indices stay below the sizes of the embeddings that take them.
    """
    random = np.random.default_rng(seed)
    values: dict[str, NDArray[Any]] = {}
    for name in graph.inputs:
        shape = (batch, *(8 if size is None else size for size in graph.nodes[name].output_shape[1:]))
        dtype = np.dtype(graph.nodes[name].config.get("dtype") or "float32")
        if dtype.kind == "f":
            values[name] = random.standard_normal(shape)
        else:
            tables = [graph.nodes[consumer].config.get("input_dim", 2) for consumer in graph.consumers(name)]
            values[name] = random.integers(0, min(tables, default=2), shape).astype(dtype)
    return values


def evaluate(graph: Graph, inputs: Mapping[str, NDArray[Any]], wanted: Iterable[str]) -> dict[str, Value]:
    """The values of the `wanted` tensors in inference mode, computed in float64."""
    names = set(wanted)
    return {name: value for name, value in _steps(graph, inputs, names) if name in names}


def _steps(graph: Graph, inputs: Mapping[str, NDArray[Any]], wanted: set[str]) -> Iterator[tuple[str, Value]]:
    """Every wanted tensor as it is computed."""
    uses = Counter(tensor for node in graph.nodes.values() for tensor in node.inputs)
    alive: dict[str, tuple[Any, bool]] = {}
    for node in graph.nodes.values():
        if node.layer_class is tf_keras.layers.InputLayer:
            array = np.asarray(inputs[node.name])
            results = [tf.constant(array, tf.float64 if array.dtype.kind == "f" else array.dtype)]
            exact = True
        else:
            results = tf.nest.flatten(_call(node, [alive[name][0] for name in node.inputs]))
            exact = all(alive[name][1] for name in node.inputs)
            exact = exact and all(result.dtype != tf.float32 for result in results)
        for index, result in enumerate(results):
            name = f"{node.name}:{index}" if index else node.name
            if name in wanted:
                yield name, Value(array=result.numpy(), exact=exact)
            if uses[name]:
                alive[name] = (result, exact)
        for name in node.inputs:
            uses[name] -= 1
            if not uses[name]:
                alive.pop(name, None)


def _call(node: Node, inputs: list[Any]) -> Any:
    """The layer on these tensors, made for this one call."""
    layer = rebuilt_layer(_in_float64(node))
    arguments = tf.nest.map_structure(_widened, dict(node.arguments))
    node = replace(node, arguments=arguments)
    if node.weights:
        if node.arguments:
            # Its first call builds it, whatever its arguments are.
            call_layer(layer, node, inputs)
        else:
            layer._maybe_build(inputs[0] if len(inputs) == 1 else inputs)
        set_weights(layer, node)
    return call_layer(layer, node, inputs)


def _in_float64(node: Node) -> Node:
    """The node with float64 for its float32, and with initial values that cost nothing."""
    config = {
        key: "zeros" if key.endswith("_initializer") and value is not None else value
        for key, value in node.config.items()
    }
    return replace(node, config={**config, "dtype": "float64"})


def _widened(value: Any) -> Any:
    """A constant among a call's arguments in float64."""
    if isinstance(value, np.ndarray | np.generic) and value.dtype == np.float32:
        return value.astype(np.float64)
    if tf.is_tensor(value) and value.dtype == tf.float32:
        return tf.cast(value, tf.float64)
    return value
