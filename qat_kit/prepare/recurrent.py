"""LSTM, GRU, SimpleRNN, RNN of their cells, ConvLSTM → their steps in a row, of dense layers and elementwise ones.

A step reads what the step before computed, so LiteRT runs a loop as a WHILE around a subgraph, which the converter
leaves float. Unrolled, every operator has an int8 kernel, and every step's tensors a range of their own: 26.6 dB of
signal over quantization noise behind 16 steps of an LSTM, against 25.9 dB with one range for all steps. The input's
kernel is applied to the whole sequence at once; the recurrent kernel is one layer called at each step, and stands in
the file once. Where a mask says that a step does not count, SELECT_V2 hands the states on, and so gives all steps one
range.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tf_keras

from qat_kit.errors import UnsupportedLayerError
from qat_kit.prepare.cell_kinds import read_cell
from qat_kit.prepare.cells import Cell, Roles, State, StepInputs
from qat_kit.prepare.decomposition import Decomposition
from qat_kit.prepare.graph import Graph, Node, Operand
from qat_kit.prepare.masked_steps import Masks
from qat_kit.prepare.parts import Parts

_layers = tf_keras.layers

LAYERS: tuple[type[tf_keras.layers.Layer], ...] = (
    *(_layers.LSTM, _layers.GRU, _layers.SimpleRNN, _layers.RNN),
    *(_layers.ConvLSTM1D, _layers.ConvLSTM2D, _layers.ConvLSTM3D),
)


@dataclass(frozen=True, kw_only=True)
class Unrolled:
    """What a recurrent layer computes: its output at every step in the order of processing, and its last states."""

    outputs: tuple[str, ...]
    states: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Taken:
    """The tensors that a recurrent layer takes. mask: which steps count, [steps] of booleans; None: all do."""

    sequence: str
    initial: tuple[str, ...]
    mask: str | None


def unroll_recurrent(graph: Graph, max_steps: int = 32) -> Graph:
    """Unrolls every recurrent layer over its sequence.

    Raises UnsupportedLayerError naming the layer when the sequence is longer than `max_steps` or of unknown length,
    and for what cannot be unrolled: stateful layers, time-major inputs, other cells.
    """
    for node in tuple(graph.nodes.values()):
        if node.layer_class in LAYERS:
            parts = Decomposition(graph, graph.nodes[node.name])
            unrolled = unroll(parts, node.config, node.weights, tensors_of(parts.node), max_steps=max_steps)
            output = unrolled.outputs[-1]
            if node.config["return_sequences"]:
                output = as_sequence(parts, unrolled.outputs)
            graph = parts.replaced(output, *(unrolled.states if node.config["return_state"] else ()))
    return graph


def tensors_of(node: Node) -> Taken:
    """What a recurrent layer is called with; raises where that is more than a sequence, its states and a mask."""
    arguments = dict(node.arguments)
    if not arguments:
        return Taken(sequence=node.inputs[0], initial=node.inputs[1:], mask=None)
    first = next(iter(arguments))
    taken = [arguments.pop(first), arguments.pop("initial_state", None)]
    mask = arguments.pop("mask", None)
    if any(value is not None for value in arguments.values()):
        raise UnsupportedLayerError(
            node.name,
            f"{node.kind} called with {', '.join(arguments)}",
            "Call it with its sequence, initial states and mask.",
        )
    sequence, *initial = (node.inputs[value.index] for value in tf_flat(taken) if isinstance(value, Operand))
    return Taken(sequence=sequence, initial=tuple(initial), mask=None if mask is None else node.inputs[mask.index])


def tf_flat(values: Any) -> list[Any]:
    """The leaves of nested lists and tuples."""
    if isinstance(values, list | tuple):
        return [leaf for value in values for leaf in tf_flat(value)]
    return [values]


def unroll(
    parts: Decomposition,
    config: Any,
    weights: Sequence[Any],
    taken: Taken,
    *,
    max_steps: int,
    prefix: str = "",
) -> Unrolled:
    """Adds the steps of one recurrent layer to `parts`.

    config: of the layer. prefix: of the roles, where a node holds two such layers.
    """
    sequence, remaining = taken.sequence, list(taken.initial)
    steps = _num_steps(parts, config, sequence, max_steps)
    cells = _cells(parts.node, config, list(weights), prefix)
    states: list[str] = []
    order = range(steps - 1, -1, -1) if config["go_backwards"] else range(steps)
    if config.get("dropout"):
        sequence = _dropped_out(parts, sequence, config["dropout"], part=f"{prefix}dropout")
    zero_output = bool(config.get("zero_output_for_mask"))
    masked = Masks(parts=parts, mask=taken.mask, zero_output=zero_output, order=range(steps))
    for depth, cell in enumerate(cells):
        role = prefix if len(cells) == 1 else f"{prefix}cell{depth}_"
        given, remaining = remaining[: cell.num_states], remaining[cell.num_states :]
        outputs, last = _steps(parts, cell, sequence, order, tuple(given) or None, role, masked)
        states += last
        if depth + 1 < len(cells):
            sequence = as_sequence(parts, outputs, role)
        if depth == 0:
            # The cells above count steps as this one went through them.
            masked, order = masked.in_order(order), range(steps)
    return Unrolled(outputs=tuple(outputs), states=tuple(states))


def _dropped_out(parts: Decomposition, sequence: str, rate: float, *, part: str) -> str:
    """The same elements of every step dropped in training, as Keras does."""
    if parts.rank(sequence) == 3:
        return parts.add(_layers.SpatialDropout1D, sequence, part=part, rate=rate)
    noise_shape = [None, 1, *parts.sizes(sequence)[1:]]
    return parts.add(_layers.Dropout, sequence, part=part, rate=rate, noise_shape=noise_shape)


def _steps(
    parts: Decomposition,
    cell: Cell,
    sequence: str,
    order: Sequence[int],
    state: State | None,
    role: str,
    masked: Masks,
) -> tuple[list[str], State]:
    """The steps of one cell: its output at each, in the order of processing, and its last state."""
    projected = cell.project(parts, sequence, part=f"{role}input")
    outputs: list[str] = []
    # What a masked step gives is the output before it, and that of none is 0, not the state that it starts with.
    started = state is not None
    for time in order:
        roles = Roles(step=f"{role}step{time}", output=f"{role}step{time}")
        new = cell.step(parts, StepInputs(sequence=projected, step=time), state, roles)
        output, state = masked.applied(roles, time, new, state, outputs[-1] if outputs else None, started=started)
        outputs.append(output)
    return outputs, state or ()


def as_sequence(parts: Parts, outputs: Sequence[str], role: str = "") -> str:
    """[…] of every step → [steps, …]."""
    sizes = parts.sizes(outputs[0])
    joined = parts.join(outputs, 1, part=f"{role}joined")
    return parts.reshape(joined, len(outputs), *sizes, part=f"{role}sequence")


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
            "LiteRT runs its loop as a WHILE, which the converter leaves float (tflite/kernels/while.cc), so it is "
            f"unrolled, and at most {max_steps} times. Allow more, prepare(model, max_unrolled_steps={steps}); use "
            "shorter windows, a strided Conv1D or a pool before it, or Conv1D layers in its place. Whole it is int8 as "
            "UNIDIRECTIONAL_SEQUENCE_LSTM (tflite/kernels/unidirectional_sequence_lstm.cc), post-training only: by "
            "TFLiteConverter, with a batch of 1 and a representative dataset.",
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
