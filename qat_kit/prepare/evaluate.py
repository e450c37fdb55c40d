"""What a graph computes in float64, node by node: one layer and the tensors that are still needed live at a time."""

from __future__ import annotations

import gc
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras
from numpy.typing import NDArray

from qat_kit.layers import NotEqual
from qat_kit.prepare.building import call_layer, rebuilt_layer, set_weights
from qat_kit.prepare.channels_last import is_channels_first
from qat_kit.prepare.graph import Graph, Node

# Layers that compute in float32 whatever they are asked for.
_FLOAT32_WITHIN = (
    *(tf_keras.layers.Resizing, tf_keras.layers.UpSampling2D),
    *(tf_keras.layers.RandomCrop, tf_keras.layers.CenterCrop),
)
# Numbers of one sample: more than 128×128 pixels of three channels.
_LARGE = 50_000
# Of the steps of a sequence with a mask.
_MASKED = 0.3
_GROUPED = (tf_keras.layers.Conv1D, tf_keras.layers.Conv2D)


@dataclass(frozen=True, kw_only=True)
class Value:
    """A tensor's value. exact: every operator before it ran in float64 (some of TensorFlow's know float32 alone)."""

    array: NDArray[Any]
    exact: bool


def random_inputs(graph: Graph, *, batch: int | None = None, seed: int = 0) -> dict[str, NDArray[Any]]:
    """Values for each input of a graph: normal numbers, or indices where the input is of integers.

    A dimension of unknown size gets 8; indices stay below the sizes of the embeddings that take them; where a mask is
    made of an input, some steps do not count. batch: how many
    samples; else two, or one of a model with large inputs, whose tensors take more memory than its weights.
    """
    random = np.random.default_rng(seed)
    shapes = {
        name: tuple(8 if size is None else size for size in graph.nodes[name].output_shape[1:]) for name in graph.inputs
    }
    if batch is None:
        batch = 1 if sum(map(math.prod, shapes.values())) > _LARGE else 2
    values: dict[str, NDArray[Any]] = {}
    for name in graph.inputs:
        shape = (batch, *shapes[name])
        dtype = np.dtype(graph.nodes[name].config.get("dtype") or "float32")
        readers = [graph.nodes[consumer] for consumer in graph.consumers(name)]
        tables = [reader.config["input_dim"] for reader in readers if "input_dim" in reader.config]
        if dtype.kind == "f" and not tables:
            values[name] = random.standard_normal(shape)
        else:
            # Those of few bits are pixels.
            largest = 2 if dtype.kind == "b" or dtype.itemsize > 2 else 127
            values[name] = random.integers(0, min(tables, default=largest), shape).astype(dtype)
        for value in {_masked_value(reader) for reader in readers} - {None}:
            # Some steps do not count; the last one does, since the mean of none is no number.
            masked = random.random(shape[:2]) < _MASKED
            masked[:, -1] = False
            values[name][masked] = value
            values[name][:, -1] += values[name][:, -1] == value
    return values


def _masked_value(node: Node) -> float | None:
    """Which value of its input says that a step does not count; None where none does."""
    if node.layer_class is tf_keras.layers.Masking:
        return float(node.config["mask_value"])
    if node.layer_class is NotEqual:
        return float(node.config["value"])
    return 0.0 if node.config.get("mask_zero") else None


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
            array = np.asarray(inputs[node.name]).astype(node.config["dtype"] or "float32")
            results = [tf.constant(array, tf.float64 if array.dtype.kind == "f" else array.dtype)]
            exact = True
        else:
            outputs, in_float64 = _computed(node, [alive[name][0] for name in node.inputs])
            results = tf.nest.flatten(outputs)
            exact = in_float64 and all(alive[name][1] for name in node.inputs)
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
        # Nothing is held longer than it is read; and a layer, which refers to itself, would stay with its weights until
        # Python looks for such circles by itself.
        del results, result
        if node.weights:
            gc.collect(1)


def _computed(node: Node, inputs: list[Any]) -> tuple[Any, bool]:
    """The layer's outputs, and whether they were computed in float64: some operators know float32 alone."""
    try:
        outputs = _call(node, inputs, "float64")
    except (tf.errors.InvalidArgumentError, tf.errors.NotFoundError, tf.errors.UnimplementedError):
        outputs = _call(node, [_cast(value, tf.float64, tf.float32) for value in inputs], "float32")
        return tf.nest.map_structure(lambda value: _cast(value, tf.float32, tf.float64), outputs), False
    in_float32 = any(value.dtype == tf.float32 for value in tf.nest.flatten(outputs))
    return outputs, not in_float32 and node.layer_class not in _FLOAT32_WITHIN


def _cast(value: Any, before: Any, after: Any) -> Any:
    return tf.cast(value, after) if value.dtype == before else value


def _call(node: Node, inputs: list[Any], dtype: str) -> Any:
    """The layer on these tensors, made for this one call."""
    if is_channels_first(node):
        # TensorFlow has no such kernels on a CPU.
        inputs = [tf.transpose(value, (0, 2, 3, 1)) for value in inputs]
        outputs = _call(node.configured(data_format="channels_last"), inputs, dtype)
        is_image = len(outputs.shape) == 4
        return tf.transpose(outputs, (0, 3, 1, 2)) if is_image else outputs
    layer = rebuilt_layer(_with_dtype(node, dtype))
    if isinstance(layer, _GROUPED) and layer.groups > 1:
        # What Keras compiles for the sake of gradients, 0.9 s for what TensorFlow's kernel does in 4 ms.
        layer._jit_compiled_convolution_op = layer.convolution_op
    if dtype == "float64":
        node = replace(node, arguments=tf.nest.map_structure(_widened, dict(node.arguments)))
    # Some layers take `training=True` for granted (RandomFlip).
    mode = {"training": False} if layer._expects_training_arg and "training" not in node.arguments else {}
    if node.weights:
        if node.arguments or len(inputs) > 1:
            # Its first call builds it, whatever its arguments are.
            call_layer(layer, node, inputs, **mode)
        else:
            layer._maybe_build(inputs[0])
        set_weights(layer, node)
    return call_layer(layer, node, inputs, **mode)


def _with_dtype(node: Node, dtype: str) -> Node:
    """The node computing in `dtype`, layers within it too, and with initial values that cost nothing."""

    def changed(key: str, value: Any) -> Any:
        if key == "dtype":
            return dtype
        if key.endswith("_initializer") and value is not None:
            return "zeros"
        return within(value)

    def within(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: changed(key, item) for key, item in value.items()}
        return [within(item) for item in value] if isinstance(value, list) else value

    return replace(node, config={**within(dict(node.config)), "dtype": dtype})


def _widened(value: Any) -> Any:
    """A constant among a call's arguments in float64."""
    if isinstance(value, np.ndarray | np.generic) and value.dtype == np.float32:
        return value.astype(np.float64)
    if tf.is_tensor(value) and value.dtype == tf.float32:
        return tf.cast(value, tf.float64)
    return value
