"""Two models that must be one: their outputs on the same inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras
from numpy.typing import NDArray

from qat_kit.errors import ModelError
from qat_kit.prepare.evaluate import evaluate, random_inputs
from qat_kit.prepare.graph import Graph, node_of
from qat_kit.prepare.reading import read_graph

# Of an output's range. In float64, what remains is the order of additions.
FLOAT64_TOLERANCE = 1e-9
# Where an operator knows float32 alone, and between two models in float32.
FLOAT32_TOLERANCE = 1e-5
# Folding puts roundings to float32 in other places: how much further off they may add up to than those of the model.
_ROUNDED_ELSEWHERE = 4.0
# Deep nets stray 1e-5 to 1e-4. What strays further was computed in float64 by another model than this.
_LARGEST_STRAY = 1e-3


def prove_same_graph(before: Graph, after: Graph, what: str, inputs: Mapping[str, NDArray[Any]] | None = None) -> None:
    """Computes both graphs in float64 on random inputs, and on `inputs` where given.

    Raises ModelError naming the first layer whose output differs by more than 1e-9 of its range (1e-5 behind an
    operator that TensorFlow has in float32 alone). what: what was done in between, for the message; a difference is a
    defect of ours, not of the user.
    """
    for feed in (random_inputs(before), *((inputs,) if inputs is not None else ())):
        old, new = evaluate(before, feed, before.outputs), evaluate(after, feed, after.outputs)
        for name, renamed in zip(before.outputs, after.outputs, strict=True):
            exact = old[name].exact and new[renamed].exact
            tolerance = FLOAT64_TOLERANCE if exact else FLOAT32_TOLERANCE
            difference = relative_difference(old[name].array, new[renamed].array)
            if not difference <= tolerance:
                layer, difference = _first_difference(before, after, feed, tolerance) or (node_of(name), difference)
                raise ModelError(
                    f"model {before.name!r}: {what} changed the output of layer {layer!r} by {difference:.1e} of its "
                    f"range; expected at most {tolerance:.0e}"
                )


def _first_difference(
    before: Graph, after: Graph, feed: Mapping[str, NDArray[Any]], tolerance: float
) -> tuple[str, float] | None:
    """The first layer of both graphs whose outputs differ: what stands for it in `after` has it as its last origin."""
    stands_for = {node.origins[-1]: name for name, node in after.nodes.items() if node.origins}
    pairs = {name: stands_for[name] for name in before.nodes if name in stands_for}
    old, new = evaluate(before, feed, pairs), evaluate(after, feed, pairs.values())
    for name, renamed in pairs.items():
        if old[name].array.shape == new[renamed].array.shape:
            difference = relative_difference(old[name].array, new[renamed].array)
            if not difference <= tolerance:
                return name, difference
    return None


def prove_same_outputs(before: tf_keras.Model, after: tf_keras.Model, what: str) -> None:
    """Runs both models in float32 on the same random inputs; both are of tf_keras, with their inputs in one order.

    Raises ModelError where they differ by more than 1e-5 of an output's range, and not by float32's own doing
    (`require_same_in_float32`).
    """
    values = [
        # Where bytes have become real numbers.
        np.arange(value.size).reshape(value.shape) % 251
        if tensor.dtype.is_integer and value.dtype.kind == "f"
        else value
        for value, tensor in zip(random_inputs(read_graph(after), batch=4).values(), before.inputs, strict=True)
    ]
    feeds = [
        [np.asarray(value, _dtype_of(tensor)) for value, tensor in zip(values, model.inputs, strict=True)]
        for model in (before, after)
    ]
    old_outputs, new_outputs = (
        _outputs(model, feed[0] if len(feed) == 1 else feed) for model, feed in zip((before, after), feeds, strict=True)
    )
    require_same_in_float32(
        old_outputs,
        new_outputs,
        lambda: in_float64(before, feeds[0]),
        error=lambda name, told: ModelError(f"model {before.name!r}: {what} changed its output {name!r} by {told}"),
        names=after.output_names,
    )


def require_same_in_float32(
    old: Sequence[NDArray[Any]],
    new: Sequence[NDArray[Any]],
    exact: Callable[[], Sequence[NDArray[Any] | None]],
    *,
    names: Sequence[str],
    error: Callable[[str, str], ModelError],
) -> None:
    """Raises error(name, by how much) for an output that differs by more than 1e-5 of its range.

    exact: the outputs in float64, None for one that cannot be; asked where some differ, since a deep model strays from
    them further than that by itself: then `new` may stray four times as far as `old`. Where `old` strays by more than
    1e-3, its layers were not made again as they are, and nothing is granted.
    """
    differences = [relative_difference(first, second) for first, second in zip(old, new, strict=True)]
    if all(difference <= FLOAT32_TOLERANCE for difference in differences):
        return
    for name, first, second, reference, difference in zip(names, old, new, exact(), differences, strict=True):
        strays, allowed = difference, FLOAT32_TOLERANCE
        own = float("inf") if reference is None else relative_difference(reference, first)
        if reference is not None and own <= _LARGEST_STRAY:
            strays, allowed = relative_difference(reference, second), max(allowed, _ROUNDED_ELSEWHERE * own)
        if not strays <= allowed:
            raise error(name, f"{max(difference, strays):.1e} of its range; expected at most {allowed:.1e}")


def in_float64(model: tf_keras.Model, feed: list[NDArray[Any]]) -> list[NDArray[Any] | None]:
    """A model's outputs in float64; None for one behind an operator that knows float32 alone."""
    graph = read_graph(model)
    values = evaluate(graph, dict(zip(graph.inputs, feed, strict=True)), graph.outputs)
    return [values[name].array if values[name].exact else None for name in graph.outputs]


def _dtype_of(tensor: Any) -> str:
    """The NumPy name of a symbolic tensor's dtype."""
    return str(tensor.dtype.name)


def relative_difference(old: NDArray[Any], new: NDArray[Any]) -> float:
    """The largest difference over the range of `old`; infinite where the shapes differ."""
    if old.shape != new.shape:
        return float("inf")
    if not old.size:
        return 0.0
    spread = float(np.max(np.abs(old))) or 1.0
    return float(np.max(np.abs(old.astype(np.float64) - new))) / spread


def _outputs(model: Any, feed: object) -> list[NDArray[Any]]:
    outputs = model(feed, training=False)
    return [np.asarray(output) for output in tf.nest.flatten(outputs)]
