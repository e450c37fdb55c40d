"""A Keras 3 model and what was carried over from it: the same numbers, in float64 where Keras 3 can compute in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras
from numpy.typing import NDArray

from qat_kit.errors import ModelError
from qat_kit.prepare.evaluate import evaluate, random_inputs
from qat_kit.prepare.graph import Graph
from qat_kit.prepare.keras3_layers import is_float
from qat_kit.prepare.proof import (
    FLOAT32_TOLERANCE,
    FLOAT64_TOLERANCE,
    in_float64,
    relative_difference,
    require_same_in_float32,
)
from qat_kit.prepare.reading import read_graph

# What Keras 3 says where an operator has no float64 kernel, or a custom layer is of another dtype.
_CANNOT = (tf.errors.OpError, TypeError, ValueError, NotImplementedError)
# Layer or operation → numbers that it holds, and that tf_keras rounds to float32 whatever it computes in.
_NUMBERS = {
    **{"Rescaling": ("scale", "offset"), "Normalization": ("mean", "variance")},
    **{"ReLU": ("max_value", "negative_slope", "threshold"), "ELU": ("alpha",), "Elu": ("alpha",)},
}
# Layer → numbers that Keras 3 rounds to float32 whatever it computes in, and tf_keras does not.
_EXACT = {"MultiHeadAttention": ("_inverse_sqrt_key_dim",)}
# Operations whose layers hold a number that float32 rounds: the width of a range.
_ROUNDED = ("Clip",)


def prove_carried(functional: Any, graph: Graph) -> None:
    """Computes both in float64 on random inputs; in float32 where a layer cannot.

    functional: the Functional model of Keras 3. Raises ModelError naming the first layer whose output differs by more
    than 1e-9 of its range (1e-5 in float32).
    """
    feed = random_inputs(graph)
    arrays = [feed[name] for name in graph.inputs]
    try:
        expected, in_float64 = _outputs(functional, arrays, "float64"), not _rounds(functional)
    except _CANNOT:
        expected, in_float64 = _outputs(functional, arrays, "float32"), False
    values = evaluate(graph, feed, graph.outputs)
    for name, wanted in zip(graph.outputs, expected, strict=True):
        exact = in_float64 and values[name].exact
        tolerance = FLOAT64_TOLERANCE if exact else FLOAT32_TOLERANCE
        difference = relative_difference(wanted, values[name].array)
        if not difference <= tolerance:
            dtype = "float64" if in_float64 else "float32"
            layer, difference = _first_difference(functional, graph, feed, dtype, tolerance) or (name, difference)
            raise ModelError(
                f"model {graph.name!r}: carrying it over from Keras 3 changed the output of layer {layer!r} by "
                f"{difference:.1e} of its range; expected at most {tolerance:.0e}"
            )


def _rounds(functional: Any) -> bool:
    """Whether what is carried over holds numbers, or weights of float64, that it rounds to float32."""
    if any(str(weight.dtype) == "float64" for weight in functional.weights):
        return True
    models = [layer for layer in functional._flatten_layers() if hasattr(layer, "_operations")]
    return any(type(operation).__name__ in _ROUNDED for model in models for operation in model._operations)


def prove_built(functional: Any, carried: tf_keras.Model) -> None:
    """Computes the model of Keras 3 and the one carried over in float32 (`require_same_in_float32`)."""
    feed = random_inputs(read_graph(carried))
    arrays = [feed[tensor.node.layer.name] for tensor in carried.inputs]
    outputs = carried(arrays[0] if len(arrays) == 1 else arrays, training=False)
    require_same_in_float32(
        _outputs(functional, arrays, "float32"),
        [np.asarray(output) for output in tf.nest.flatten(outputs)],
        lambda: in_float64(carried, arrays),
        names=carried.output_names,
        error=lambda name, told: ModelError(
            f"model {carried.name!r}: carrying it over from Keras 3 changed its output {name!r} by {told}"
        ),
    )


def _first_difference(
    functional: Any, graph: Graph, feed: Mapping[str, NDArray[Any]], dtype: str, tolerance: float
) -> tuple[str, float] | None:
    """The first layer of both whose outputs differ, nested ones aside."""
    import keras

    tensors: dict[str, Any] = {}
    for depth in sorted(functional._nodes_by_depth, reverse=True):
        for place in functional._nodes_by_depth[depth]:
            if len(place.outputs) == 1 and place.operation.name in graph.nodes:
                tensors.setdefault(place.operation.name, place.outputs[0])
    probe = keras.Model(functional.inputs, list(tensors.values()))
    expected = _outputs(probe, [feed[name] for name in graph.inputs], dtype)
    values = evaluate(graph, feed, tensors)
    for name, wanted in zip(tensors, expected, strict=True):
        difference = relative_difference(wanted, values[name].array)
        if not difference <= tolerance:
            return name, difference
    return None


def _outputs(functional: Any, arrays: list[NDArray[Any]], dtype: str) -> list[NDArray[Any]]:
    from keras import tree

    with computing_in(functional, dtype):
        # What `evaluate` makes of them, too.
        given = [array.astype(np.float32).astype(dtype) if array.dtype.kind == "f" else array for array in arrays]
        outputs = functional(tree.pack_sequence_as(functional._inputs_struct, given), training=False)
    return [np.asarray(output) for output in tree.flatten(outputs)]


@contextmanager
def computing_in(model: Any, dtype: str) -> Iterator[None]:
    """Lets every layer of a Keras 3 model compute in `dtype`, over the weights that it has.

    A policy whose weights are of another type makes Keras cast them where they are read; a model casts what it is given
    to the dtype of its symbolic inputs.
    """
    import keras

    class Within(keras.dtype_policies.DTypePolicy):  # type: ignore[misc]  # Keras publishes no types
        @property
        def variable_dtype(self) -> str:
            return "float16"

    layers = list(model._flatten_layers())
    layers += [layer._functional for layer in layers if getattr(layer, "_functional", None) is not None]
    inputs = {id(tensor): tensor for layer in layers for tensor in getattr(layer, "_inputs", None) or ()}
    policies = [(layer, layer._dtype_policy) for layer in layers]
    doors = [*inputs.values(), *(layer for layer in layers if isinstance(layer, keras.layers.InputLayer))]
    dtypes = [(door, door._dtype) for door in doors if is_float(door.dtype)]
    holders = [*layers, *(operation for layer in layers for operation in getattr(layer, "_operations", ()))]
    numbers = [
        (holder, key, getattr(holder, key))
        for holder in {id(holder): holder for holder in holders}.values()
        for key in (*_NUMBERS.get(type(holder).__name__, ()), *_EXACT.get(type(holder).__name__, ()))
    ]
    try:
        for layer in layers:
            layer._dtype_policy = Within(dtype)
        for door, _ in dtypes:
            door._dtype = dtype
        for holder, key, value in numbers:
            is_exact = key in _EXACT.get(type(holder).__name__, ())
            setattr(holder, key, tf.constant(value, dtype) if is_exact else _as_float32(value, dtype))
        yield
    finally:
        for layer, policy in policies:
            layer._dtype_policy = policy
        for door, before in dtypes:
            door._dtype = before
        for holder, key, value in numbers:
            setattr(holder, key, value)


def _as_float32(value: Any, dtype: str) -> Any:
    """A number, or a tensor of them, rounded to float32; None as it is."""
    if value is None:
        return None
    rounded = np.asarray(value, np.float32)
    return rounded.tolist() if rounded.ndim < 2 and not tf.is_tensor(value) else tf.constant(rounded, dtype)
