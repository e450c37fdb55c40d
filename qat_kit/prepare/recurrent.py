"""LSTM, GRU, SimpleRNN and RNN of their cells → their steps one after the other, as dense layers and elementwise ones.

A step reads what the step before computed, so LiteRT runs a loop as a WHILE around a subgraph, which the converter
leaves float. Unrolled, every operator has an int8 kernel, and every step's tensors a range of their own: 26.6 dB of
signal over quantization noise behind 16 steps of an LSTM, against 25.9 dB with one range for all steps. The input's
kernel is applied to the whole sequence at once; the recurrent kernel is one layer called at each step, and stands in
the file once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tf_keras

from qat_kit.errors import UnsupportedLayerError
from qat_kit.prepare.cells import Cell, Roles, State, StepInputs, read_cell
from qat_kit.prepare.decomposition import Decomposition
from qat_kit.prepare.graph import Graph, Node, Operand
from qat_kit.prepare.parts import Parts

_layers = tf_keras.layers

LAYERS: tuple[type[tf_keras.layers.Layer], ...] = (_layers.LSTM, _layers.GRU, _layers.SimpleRNN, _layers.RNN)


@dataclass(frozen=True, kw_only=True)
class Unrolled:
    """What a recurrent layer computes: its output at every step in the order of processing, and its last states."""

    outputs: tuple[str, ...]
    states: tuple[str, ...]
    units: int


def unroll_recurrent(graph: Graph, max_steps: int = 32) -> Graph:
    """Unrolls every recurrent layer over its sequence.

    Raises UnsupportedLayerError naming the layer when the sequence is longer than `max_steps` or of unknown length,
    and for what cannot be unrolled: stateful layers, masks, time-major inputs, other cells.
    """
    for node in tuple(graph.nodes.values()):
        if node.layer_class in LAYERS:
            parts = Decomposition(graph, graph.nodes[node.name])
            sequence, *initial = sequence_and_states(parts.node)
            unrolled = unroll(parts, node.config, node.weights, sequence, initial, max_steps=max_steps)
            output = unrolled.outputs[-1]
            if node.config["return_sequences"]:
                output = as_sequence(parts, unrolled.outputs, unrolled.units)
            graph = parts.replaced(output, *(unrolled.states if node.config["return_state"] else ()))
    return graph


def sequence_and_states(node: Node) -> tuple[str, ...]:
    """The tensors that a recurrent layer takes: its sequence, then its initial states; raises where it takes a mask."""
    arguments = dict(node.arguments)
    if not arguments:
        return node.inputs
    first = next(iter(arguments))
    taken = [arguments.pop(first), arguments.pop("initial_state", None)]
    if arguments.get("mask") is not None:
        raise UnsupportedLayerError(
            node.name, f"{node.kind} with a mask", "Call it without one: give it sequences of one length."
        )
    if any(value is not None for value in arguments.values()):
        raise UnsupportedLayerError(
            node.name,
            f"{node.kind} called with {', '.join(arguments)}",
            "Call it with its sequence and initial states.",
        )
    operands = [value for value in tf_flat(taken) if isinstance(value, Operand)]
    return tuple(node.inputs[operand.index] for operand in operands)


def tf_flat(values: Any) -> list[Any]:
    """The leaves of nested lists and tuples."""
    if isinstance(values, list | tuple):
        return [leaf for value in values for leaf in tf_flat(value)]
    return [values]


def unroll(
    parts: Decomposition,
    config: Any,
    weights: Sequence[Any],
    sequence: str,
    initial: Sequence[str],
    *,
    max_steps: int,
    prefix: str = "",
) -> Unrolled:
    """Adds the steps of one recurrent layer to `parts`.

    config: of the layer; sequence: [steps, features]. prefix: of the roles, where a node holds two such layers.
    """
    steps = _num_steps(parts, config, sequence, max_steps)
    cells = _cells(parts.node, config, list(weights), prefix)
    states: list[str] = []
    remaining = list(initial)
    order = range(steps - 1, -1, -1) if config["go_backwards"] else range(steps)
    if config.get("dropout"):
        sequence = parts.add(_layers.SpatialDropout1D, sequence, part=f"{prefix}dropout", rate=config["dropout"])
    for depth, cell in enumerate(cells):
        role = prefix if len(cells) == 1 else f"{prefix}cell{depth}_"
        given, remaining = remaining[: cell.num_states], remaining[cell.num_states :]
        outputs, last = _steps(parts, cell, sequence, order, tuple(given) or None, role)
        states += last
        if depth + 1 < len(cells):
            sequence = as_sequence(parts, outputs, cell.units, role)
            order = range(steps)
    return Unrolled(outputs=tuple(outputs), states=tuple(states), units=cells[-1].units)


def _steps(
    parts: Decomposition, cell: Cell, sequence: str, order: Sequence[int], state: State | None, role: str
) -> tuple[list[str], State]:
    """The steps of one cell: its output at each, in the order of processing, and its last state."""
    columns = cell.kernel.shape[1]
    biases = () if cell.bias is None else (cell.bias,)
    projected = parts.add(
        _layers.Dense,
        sequence,
        part=f"{role}input",
        weights=(cell.kernel, *biases),
        units=columns,
        use_bias=cell.bias is not None,
        kernel_regularizer=cell.config["kernel_regularizer"],
        kernel_constraint=cell.config["kernel_constraint"],
        bias_regularizer=cell.config["bias_regularizer"],
        bias_constraint=cell.config["bias_constraint"],
    )
    outputs = []
    for time in order:
        roles = Roles(step=f"{role}step{time}", output=f"{role}step{time}")
        state = cell.step(parts, StepInputs(sequence=projected, step=time), state, roles)
        outputs.append(state[0])
    return outputs, state or ()


def as_sequence(parts: Parts, outputs: Sequence[str], units: int, role: str = "") -> str:
    """[units] of every step → [steps, units]."""
    joined = parts.join(outputs, part=f"{role}joined")
    return parts.reshape(joined, len(outputs), units, part=f"{role}sequence")


def _num_steps(parts: Decomposition, config: Any, sequence: str, max_steps: int) -> int:
    node = parts.node
    for key, remedy in (
        ("stateful", "Make it stateless, and hand its states in and out as inputs and outputs (return_state=True)."),
        ("time_major", "Put the batch first."),
    ):
        if config.get(key):
            raise UnsupportedLayerError(node.name, f"{node.kind}({key}=True)", remedy)
    steps = parts.shape(sequence)[1]
    if steps is None:
        raise UnsupportedLayerError(
            node.name, f"{node.kind} over a sequence of unknown length", "Give the input its length: Input((steps, …))."
        )
    if steps > max_steps:
        raise UnsupportedLayerError(
            node.name,
            f"{node.kind} over {steps} steps",
            f"It is unrolled, and at most {max_steps} times. Use shorter windows, put a strided Conv1D or a pool "
            f"before it, take Conv1D layers in its place, or allow more: prepare(model, max_unrolled_steps={steps}).",
        )
    return int(steps)


def _cells(node: Node, config: Any, weights: list[Any], prefix: str) -> list[Cell]:
    """The cells of a layer, the first one the lowest; raises UnsupportedLayerError for one that is not Keras' own."""
    if "cell" in config and config["cell"]["config"].get("reverse_state_order"):
        raise UnsupportedLayerError(node.name, "StackedRNNCells(reverse_state_order=True)", "Leave it out.")
    cells = []
    for depth, (kind, cell_config) in enumerate(_kinds(node.kind, config)):
        count = _count(cell_config)
        shares = f"{node.shares or node.name}_{prefix}{depth}_recurrent"
        cell = read_cell(kind, cell_config, weights[:count], shares)
        if cell is None:
            raise UnsupportedLayerError(
                node.name,
                f"{node.kind} of {kind}",
                "Cells that can be: SimpleRNNCell, LSTMCell, GRUCell, stacks.",
            )
        cells.append(cell)
        weights = weights[count:]
    return cells


def num_weights(config: Any) -> int:
    """How many weights the recurrent layer of this configuration has."""
    return sum(_count(cell_config) for _, cell_config in _kinds("", config))


def _count(cell_config: Any) -> int:
    return 2 + bool(cell_config.get("use_bias"))


def _kinds(kind: str, config: Any) -> list[tuple[str, Any]]:
    """The class and the configuration of each cell; a layer that is its own cell stands for it."""
    if "cell" not in config:
        return [(str(config.get("class_name", kind)), config)]
    cell = config["cell"]
    inner = cell["config"]["cells"] if cell["class_name"] == "StackedRNNCells" else [cell]
    return [(entry["class_name"], entry["config"]) for entry in inner]
