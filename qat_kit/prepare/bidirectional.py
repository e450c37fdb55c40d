"""Bidirectional → its two recurrent layers, unrolled, and what merges them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import tf_keras

from qat_kit.errors import UnsupportedLayerError
from qat_kit.prepare.decomposition import Decomposition
from qat_kit.prepare.graph import Graph
from qat_kit.prepare.parts import Parts
from qat_kit.prepare.recurrent import LAYERS, Unrolled, as_sequence, num_weights, tensors_of, unroll

_layers = tf_keras.layers

_MERGES = {"sum": _layers.Add, "mul": _layers.Multiply, "ave": _layers.Average}


def unroll_bidirectional(graph: Graph, max_steps: int = 32) -> Graph:
    """Unrolls every Bidirectional layer; raises UnsupportedLayerError as `unroll_recurrent` does."""
    for name, node in tuple(graph.nodes.items()):
        if node.layer_class is _layers.Bidirectional:
            graph = _unrolled(graph, name, max_steps)
    return graph


def _unrolled(graph: Graph, name: str, max_steps: int) -> Graph:
    parts = Decomposition(graph, graph.nodes[name])
    node = parts.node
    forward = _config(parts, node.config["layer"])
    # Keras makes the second layer of the first one's configuration where none is given.
    backward = {**forward, "go_backwards": not forward["go_backwards"]}
    if node.config.get("backward_layer"):
        backward = _config(parts, node.config["backward_layer"])
    taken = tensors_of(node)
    weights, states = num_weights(forward), len(taken.initial) // 2
    halves = (
        (forward, "forward_", node.weights[:weights], taken.initial[:states]),
        (backward, "backward_", node.weights[weights:], taken.initial[states:]),
    )
    runs = [
        unroll(parts, config, given, replace(taken, initial=initial), max_steps=max_steps, prefix=prefix)
        for config, prefix, given, initial in halves
    ]
    merged = _merged(parts, runs, node.config["merge_mode"], sequences=forward["return_sequences"])
    return parts.replaced(
        *merged, *((state for run in runs for state in run.states) if forward["return_state"] else ())
    )


def _merged(parts: Parts, runs: list[Unrolled], mode: str | None, *, sequences: bool) -> list[str]:
    """The output, or both where they are not merged. The backward run's steps are turned round to time's order."""
    forward, backward = runs
    (*place, units), (*_, others) = parts.sizes(forward.outputs[0]), parts.sizes(backward.outputs[0])
    if not sequences:
        ends = [forward.outputs[-1], backward.outputs[-1]]
        if mode is None:
            return ends
        if mode == "concat":
            return [parts.join(ends)]
        return [parts.add(_MERGES[mode], *ends)]
    steps = len(forward.outputs)
    turned = backward.outputs[::-1]
    if mode == "concat" and units == others and not place:
        # One operator joins what lies side by side in memory: forward and backward of step 0, of step 1, …
        both = [tensor for pair in zip(forward.outputs, turned, strict=True) for tensor in pair]
        return [parts.reshape(parts.join(both), steps, 2 * units)]
    whole = [
        as_sequence(parts, forward.outputs, "forward_"),
        as_sequence(parts, turned, "backward_"),
    ]
    if mode is None:
        return whole
    if mode == "concat":
        return [parts.join(whole)]
    return [parts.add(_MERGES[mode], *whole)]


def _config(parts: Decomposition, layer: Any) -> dict[str, Any]:
    """The configuration of an inner layer, with its class name."""
    kinds = {kind.__name__ for kind in LAYERS}
    if layer["class_name"] not in kinds:
        raise UnsupportedLayerError(
            parts.node.name,
            f"Bidirectional of {layer['class_name']}",
            f"Layers that can be: {', '.join(sorted(kinds))}.",
        )
    # Of every step, Keras has it give 0 where the mask is, whatever it was made with.
    zero_output = {"zero_output_for_mask": layer["config"]["return_sequences"]}
    return {**layer["config"], **zero_output, "class_name": layer["class_name"]}
