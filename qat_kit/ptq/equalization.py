"""Cross-layer equalization: channels whose weights differ in size by orders get one size, and nothing else changes.

    r1 = max |W1| of an output channel,  r2 = max |W2| of the input channel behind it,  s = √(r1 / r2)
    W1 / s,  b1 / s,  W2 · s    →    both channels have √(r1 · r2)

from pair to pair until nothing moves: along a chain of depthwise kernels that is the n-th root of n ranges. One scale
for a tensor then serves all its channels: those of a kernel that is quantized per tensor, and those of the activation
between two kernels. Source: Nagel et al. 2019, arXiv:1906.04721, section 4.1 and appendix A.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import tf_keras
from numpy.typing import NDArray

from qat_kit.prepare.building import build_model
from qat_kit.prepare.graph import Graph, Node
from qat_kit.prepare.linear import INPUT_AXES, OUTPUT_AXES
from qat_kit.prepare.prepare import rebuild_prepared
from qat_kit.prepare.proof import prove_same_outputs
from qat_kit.prepare.reading import read_graph
from qat_kit.ptq.paths import ChannelPath, find_paths
from qat_kit.results import PreparedModel

# Ranges that differ by less are one: a hundredth of a step of 8 bits.
_SETTLED = 1e-4
# A chain of n depthwise kernels settles as cos²(π / n) to the power of the sweeps; nets have few in a row.
_MOST_SWEEPS = 200

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Equalization:
    """What came of it.

    factors: of each path, what the first layer's channels were divided by. stops: layer → why its channels stay as they
    are. replaced: the layers that stop at a maximum no longer.
    """

    prepared: PreparedModel
    paths: tuple[ChannelPath, ...]
    factors: tuple[Array, ...]
    stops: Mapping[str, str]
    replaced: tuple[str, ...]


def equalize(prepared: PreparedModel, *, replace_relu6: bool = False) -> Equalization:
    """The same float function (proven to 1e-9 in float64) with the channels of neighbouring kernels equally large.

    replace_relu6: a ReLU that stops at a maximum, between two kernels, stops there no longer: another function where
    its input goes beyond. Without it such a ReLU keeps its neighbours as they are (`stops`). A channel of zeros, in
    either kernel, stays as it is.
    Raises ModelError where the result computes something else: a defect of ours.

    >>> import numpy as np, tf_keras
    >>> from qat_kit.prepare import prepare
    >>> model = tf_keras.Sequential([
    ...     tf_keras.layers.Dense(2, activation="relu", input_shape=(1,), name="first"),
    ...     tf_keras.layers.Dense(1, name="second"),
    ... ])
    >>> model.set_weights([np.array([[100.0, 1.0]]), np.array([50.0, 0.0]), np.array([[1.0], [4.0]]), np.zeros(1)])
    >>> done = equalize(prepare(model))
    >>> [value.ravel().tolist() for value in done.prepared.model.get_weights()]
    [[10.0, 2.0], [5.0, 0.0], [10.0, 2.0], [0.0]]
    """
    read = read_graph(prepared.model)
    paths, stops = find_paths(read, past_maxima=replace_relu6)
    if not paths:
        return Equalization(prepared=prepared, paths=(), factors=(), stops=stops, replaced=())
    replaced = tuple(name for path in paths for name in path.maxima)
    graph = read.replaced({name: (_without_maximum(read.nodes[name]),) for name in replaced})
    factors = _settled_factors(graph, paths)
    scaled = graph
    for path, factor in zip(paths, factors, strict=True):
        changes = _scaled_pair(scaled, path, factor)
        scaled = scaled.replaced({name: (node,) for name, node in changes.items()})
    rebuilt = replace(rebuild_prepared(graph, scaled, "equalizing it"), origins=prepared.origins)
    prove_same_outputs(build_model(graph) if replaced else prepared.model, rebuilt.model, "equalizing it")
    return Equalization(prepared=rebuilt, paths=paths, factors=factors, stops=stops, replaced=replaced)


def _without_maximum(node: Node) -> Node:
    config = {"name": node.name, "dtype": node.config["dtype"]}
    return replace(node, layer_class=tf_keras.layers.ReLU, config=config)


def _settled_factors(graph: Graph, paths: Sequence[ChannelPath]) -> tuple[Array, ...]:
    """What to divide each path's channels by; computed on the largest weight of each pair of channels alone."""
    largest = {name: _largest(graph.nodes[name]) for path in paths for name in (path.first, path.second)}
    factors = [np.ones(_num_outputs(graph.nodes[path.first])) for path in paths]
    for _ in range(_MOST_SWEEPS):
        moved = 0.0
        for index, path in enumerate(paths):
            first, second = graph.nodes[path.first], graph.nodes[path.second]
            above = _output_ranges(first, largest[path.first])
            below = np.zeros_like(above)
            np.maximum.at(below, path.channels, _input_ranges(second, largest[path.second]))
            has_both = (above > 0) & (below > 0)
            step = np.sqrt(np.divide(above, below, out=np.ones_like(above), where=has_both))
            largest[path.first] = _with_outputs(first, largest[path.first], 1 / step)
            largest[path.second] = _with_inputs(second, largest[path.second], step[path.channels])
            factors[index] = factors[index] * step
            moved = max(moved, float(np.abs(np.log(step)).max()))
        if moved < _SETTLED:
            break
    return tuple(factors)


def _scaled_pair(graph: Graph, path: ChannelPath, factor: Array) -> dict[str, Node]:
    first, second = graph.nodes[path.first], graph.nodes[path.second]
    kernel, *bias = (np.asarray(weight, np.float64) for weight in first.weights)
    divided = (_with_outputs(first, kernel, 1 / factor), *(each / factor for each in bias))
    kernel, *bias = (np.asarray(weight, np.float64) for weight in second.weights)
    multiplied = (_with_inputs(second, kernel, factor[path.channels]), *bias)
    return {path.first: replace(first, weights=divided), path.second: replace(second, weights=multiplied)}


def _largest(node: Node) -> Array:
    """The kernel's magnitudes, the largest of each pair of channels: its shape, with 1 for height and width."""
    kernel = np.abs(np.asarray(node.weights[0], np.float64))
    channels = {*OUTPUT_AXES[node.layer_class], INPUT_AXES.get(node.layer_class, kernel.ndim - 1)}
    return np.asarray(np.max(kernel, axis=tuple(set(range(kernel.ndim)) - channels), keepdims=True))


def _num_outputs(node: Node) -> int:
    return int(np.prod([node.weights[0].shape[axis] for axis in OUTPUT_AXES[node.layer_class]]))


def _output_ranges(node: Node, largest: Array) -> Array:
    axes = OUTPUT_AXES[node.layer_class]
    return np.asarray(np.max(largest, axis=tuple(set(range(largest.ndim)) - set(axes)))).reshape(-1)


def _input_ranges(node: Node, largest: Array) -> Array:
    axis = INPUT_AXES[node.layer_class]
    return np.asarray(np.max(largest, axis=tuple(set(range(largest.ndim)) - {axis})))


def _with_outputs(node: Node, kernel: Array, factor: Array) -> Array:
    """The kernel with each output channel multiplied."""
    axes = OUTPUT_AXES[node.layer_class]
    return kernel * factor.reshape([size if axis in axes else 1 for axis, size in enumerate(kernel.shape)])


def _with_inputs(node: Node, kernel: Array, factor: Array) -> Array:
    """The kernel with each input channel multiplied."""
    return kernel * factor.reshape([-1 if axis == INPUT_AXES[node.layer_class] else 1 for axis in range(kernel.ndim)])
