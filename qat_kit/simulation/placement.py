"""Where fake quantizers stand: exactly where the file will have quantization parameters of its own.

Derived from `qat_kit.spec`. An operator quantizes its output once, behind an activation that it fuses; an operator of
the same-scale kind (pools, concatenation, reshape, padding, …) shares the parameters of what it moves. So every
tensor belongs to one *group*, a group has one range, and each operator that computes new values for a group carries
a quantizer with that range.
"""

from __future__ import annotations

from dataclasses import dataclass

import tf_keras

from qat_kit.errors import UnsupportedLayerError
from qat_kit.layers import NotEqual, Saturated
from qat_kit.layers.fake_quantize import RangeSource
from qat_kit.prepare.graph import Graph, Node
from qat_kit.simulation.by_hand import hand_placed
from qat_kit.simulation.operators import (
    IDENTITY,
    LIVE_BATCH_NORM,
    data_inputs,
    fixed_output_of,
    operator_of,
    rounds,
)
from qat_kit.simulation.quantizers import activation_spec
from qat_kit.spec import ScaleZeroPoint, op_spec
from qat_kit.targets import LayerDescription, ModelDescription


@dataclass(frozen=True, kw_only=True)
class Placement:
    """What quantization does at one node.

    op: the LiteRT operator (IDENTITY: none). fused: an activation that its producer takes in.
    quantizes_output: a quantizer stands behind the node. group: the tensors with one range, named after the first.
    fixed: the parameters that the specification prescribes for the group, or a layer placed by hand. range_source:
    where such a layer wants the range to come from; None where there is none.
    """

    node: Node
    op: str
    fused: bool
    quantizes_output: bool
    group: str
    fixed: ScaleZeroPoint | None
    range_source: RangeSource | None = None


def place(graph: Graph, *, activation_bits: int = 8) -> dict[str, Placement]:
    """Decides for every node of a prepared graph; raises UnsupportedLayerError naming a layer that has no place."""
    operators = {node.name: operator_of(node) for node in graph.nodes.values()}
    _refuse_integer_inputs(graph)
    fused = _fused(graph, operators)
    groups = _groups(graph, operators, fused, activation_bits)
    quantized = {name for name in graph.nodes if _computes_values(graph, operators, fused, name, activation_bits)}
    fixed = _fixed_parameters(graph, operators, groups, quantized, activation_bits)
    placed = hand_placed(graph, groups, spec=activation_spec(activation_bits))
    for group, said in placed.items():
        if group in fixed and said.range_source != "calibrated" and said.fixed != fixed[group]:
            raise UnsupportedLayerError(
                said.layer, "FakeQuantize", "The specification fixes the scale of what it stands behind; leave it out."
            )
    fixed |= {group: said.fixed for group, said in placed.items() if said.fixed is not None}
    return {
        name: Placement(
            node=node,
            op=operators[name],
            fused=name in fused,
            quantizes_output=name in quantized,
            group=groups[name],
            fixed=fixed.get(groups[name]),
            range_source=placed[groups[name]].range_source if groups[name] in placed else None,
        )
        for name, node in graph.nodes.items()
    }


def describe(placements: dict[str, Placement]) -> ModelDescription:
    """The operators of the file to be, for `target.check`."""
    return ModelDescription(
        layers=tuple(
            LayerDescription(
                path=placement.node.name,
                layer_class=placement.node.kind,
                op=placement.op,
                input_shapes=tuple(placements[source].node.output_shape for source in placement.node.inputs),
                output_shapes=(placement.node.output_shape,),
                strides=_pair(placement.node, "strides"),
                dilations=_pair(placement.node, "dilation_rate"),
                window=_pair(placement.node, "pool_size"),
            )
            for placement in placements.values()
            if placement.op != IDENTITY and not placement.fused
        )
    )


def _pair(node: Node, key: str) -> tuple[int, int] | None:
    """(height, width) of an argument; a 1-D layer runs as a 2-D one of height 1."""
    value = node.config.get(key)
    if not isinstance(value, list | tuple):
        return None
    height, width = (1, *value) if len(value) == 1 else value
    return int(height), int(width)


def is_index(graph: Graph, name: str) -> bool:
    """Whether an input holds integers that embeddings take: indices have no scale. Which of them are 0 is a mask."""
    consumers = {graph.nodes[consumer].layer_class for consumer in graph.consumers(name)}
    is_integer = graph.nodes[name].config["dtype"] in ("int32", "int64")
    return is_integer and tf_keras.layers.Embedding in consumers and consumers <= {tf_keras.layers.Embedding, NotEqual}


def _refuse_integer_inputs(graph: Graph) -> None:
    for name in graph.inputs:
        dtype = graph.nodes[name].config["dtype"]
        if dtype != "float32" and not is_index(graph, name):
            raise UnsupportedLayerError(name, f"Input of {dtype}", "Give the model float32 inputs.")


def _fused(graph: Graph, operators: dict[str, str]) -> dict[str, str]:
    """What the file computes within the operator before: activation, or live batch norm → the node that takes it in.

    Layers that the file does not have (a dropout, say) do not stand between the two.
    """
    fused: dict[str, str] = {}
    for name, op in operators.items():
        if op == LIVE_BATCH_NORM:
            (fused[name],) = graph.nodes[name].inputs
        if op not in ("RELU", "RELU6"):
            continue
        (source,) = graph.nodes[name].inputs
        while operators[source] == IDENTITY and graph.nodes[source].inputs and graph.feeds_only_one(source):
            (source,) = graph.nodes[source].inputs
        if operators[source] == IDENTITY or not graph.feeds_only_one(source):
            continue
        taking = fused[source] if operators[source] == LIVE_BATCH_NORM else source
        if op in op_spec(operators[taking]).fused_activations:
            fused[name] = source
    return fused


def _refuse_saturation(node: Node, op: str) -> None:
    """Raises where a ReLU with a maximum would be fused into an operator that has no range of its own."""
    if node.layer_class is Saturated and op_spec(op).same_scale:
        raise UnsupportedLayerError(
            node.name,
            f"ReLU(max_value={node.config['maximum']:g}) behind {op}",
            "Put it before the pooling, or use ReLU(6.0).",
        )


def _groups(graph: Graph, operators: dict[str, str], fused: dict[str, str], activation_bits: int) -> dict[str, str]:
    """Each node's group, named after its first node."""
    parent = {name: name for name in graph.nodes}

    def root(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    order = {name: index for index, name in enumerate(graph.nodes)}
    for name, node in graph.nodes.items():
        # What an embedding shares the parameters of is its table.
        if node.layer_class is tf_keras.layers.Embedding:
            continue
        # A fused activation is part of its operator.
        if name in fused or operators[name] == IDENTITY or _keeps_scale(operators[name], activation_bits):
            for source in data_inputs(node):
                first, second = sorted((root(name), root(source)), key=order.__getitem__)
                parent[second] = first
    return {name: root(name) for name in graph.nodes}


def _computes_values(
    graph: Graph, operators: dict[str, str], fused: dict[str, str], name: str, activation_bits: int
) -> bool:
    """Whether a quantizer stands behind this node: at the end of every operator that makes new values."""
    if name in graph.inputs:
        return not is_index(graph, name)
    if graph.nodes[name].layer_class is tf_keras.layers.Embedding:
        return True
    if name in fused.values():
        return False
    while name in fused:
        name = fused[name]
    op = operators[name]
    if op == IDENTITY or op_spec(op).data_outputs == ():
        # Truth values have no scale.
        return False
    return not _keeps_scale(op, activation_bits) or rounds(graph.nodes[name], op)


def _keeps_scale(op: str, activation_bits: int) -> bool:
    return activation_bits in op_spec(op).same_scale_bits


def _fixed_parameters(
    graph: Graph, operators: dict[str, str], groups: dict[str, str], quantized: set[str], activation_bits: int
) -> dict[str, ScaleZeroPoint]:
    """The groups whose range the specification prescribes, or the maximum of a layer that saturates."""
    prescribed: dict[str, tuple[str, ScaleZeroPoint | None]] = {}
    for name in sorted(quantized):
        op = operators[name]
        if rounds(graph.nodes[name], op):
            continue
        parameters = fixed_output_of(graph.nodes[name], op, activation_bits=activation_bits)
        first, wanted = prescribed.setdefault(groups[name], (name, parameters))
        if wanted != parameters:
            refused = name if parameters is not None else first
            raise UnsupportedLayerError(
                refused,
                operators[refused],
                "Its output has a fixed scale, and it is joined (by a concatenation, say) with a tensor of another "
                "scale. Apply the activation after joining.",
            )
    return {group: parameters for group, (_, parameters) in prescribed.items() if parameters is not None}
