"""Models that compute in another type of real numbers → the same in float32: mixed precision, float16, float64.

Under a mixed policy the weights are of float32 anyway, and half precision is a way to train fast; quantization decides
the precision of the file.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from qat_kit.prepare.graph import Graph, Node


def float_dtypes(layers: Iterable[tf_keras.layers.Layer]) -> set[str]:
    """The types of real numbers that layers hold or compute in."""
    dtypes = {dtype for layer in layers for dtype in (layer.dtype, layer.compute_dtype)}
    return {dtype for dtype in dtypes if dtype == "float32" or _is_other_float(dtype)}


def in_float32(graph: Graph) -> Graph:
    """Every layer in float32, its weights of 16 bits widened; those of float64 are rounded when the model is built."""
    return replace(graph, nodes={name: _in_float32(node) for name, node in graph.nodes.items()})


def _in_float32(node: Node) -> Node:
    weights = (np.asarray(weight) for weight in node.weights)
    return replace(
        node,
        config=_within(dict(node.config)),
        arguments=tf.nest.map_structure(_argument, dict(node.arguments)),
        weights=tuple(weight.astype(np.float32) if weight.dtype.itemsize == 2 else weight for weight in weights),
    )


def _within(value: Any) -> Any:
    """A configuration, those of layers within it too."""
    if isinstance(value, dict):
        return {key: _dtype(item) if key == "dtype" else _within(item) for key, item in value.items()}
    return [_within(item) for item in value] if isinstance(value, list) else value


def _dtype(value: Any) -> Any:
    """What a configuration calls a dtype: its name, a policy's name, or a policy."""
    name = value["config"]["name"] if isinstance(value, dict) else value
    return "float32" if isinstance(name, str) and _is_other_float(name.removeprefix("mixed_")) else value


def _argument(value: Any) -> Any:
    return tf.float32 if isinstance(value, tf.DType) and _is_other_float(value.name) else value


def _is_other_float(dtype: Any) -> bool:
    name = getattr(dtype, "name", dtype)
    return isinstance(name, str) and name.startswith(("float", "bfloat")) and name != "float32"
