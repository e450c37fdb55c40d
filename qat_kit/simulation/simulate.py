"""From a prepared model to a simulated one: every layer in its quantizers, every range from data."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
import tf_keras

from qat_kit.errors import SchemeError, SettingsError, UnknownNameError, UnsupportedLayerError
from qat_kit.layers import FakeQuantize, WithConstant
from qat_kit.numerics import choose_qparams, fake_quantize
from qat_kit.prepare.building import build_model
from qat_kit.prepare.graph import Graph, Node
from qat_kit.prepare.reading import read_graph
from qat_kit.results import PreparedModel, QatModel
from qat_kit.schemes import LayerScheme, QuantScheme, Rule, get_scheme
from qat_kit.simulation.calibration import Calibrator
from qat_kit.simulation.integer.cover import refuse_uncovered
from qat_kit.simulation.operators import IDENTITY, KERNELS, LIVE_BATCH_NORM
from qat_kit.simulation.placement import Placement, describe, place
from qat_kit.simulation.quantizers import ActivationQuantizer, activation_quantizer, weight_quantizer
from qat_kit.simulation.walk import quantized_layers
from qat_kit.simulation.wrapper import LayerQuantizeConfig, QuantizedLayer
from qat_kit.spec import op_spec
from qat_kit.targets import Target, get_target
from qat_kit.vocabulary import Forward, KernelSet


def simulate(
    prepared: PreparedModel,
    calibration: Sequence[Sequence[np.ndarray]],
    *,
    scheme: str | QuantScheme = "w8a8",
    target: str | Target = "litert_xnnpack",
    estimator: str = "min_max",
    forward: Forward = "fake",
    kernel_set: KernelSet | None = None,
    rounding_noise: float = 0.0,
) -> QatModel:
    """Wraps every layer of a prepared model and calibrates it.

    calibration: batches; each holds the arrays of all inputs, in the model's order. forward: `fake` computes with real
    numbers on their grids; `integer` computes the very integers of LiteRT's kernels, as `kernel_set` (that of the
    target unless given) computes them, with straight-through gradients; where a batch norm is still in training, from
    when it is folded. rounding_noise: in integer training, the share
    of the codes behind each operator that are moved by a step, up or down, drawn anew in each step, so that the answers
    depend less on how one kernel set rounds.
    Raises SchemeError when the target does not permit the scheme (all violations at once) or when there is a layer
    whose integers are not computed (all of them), UnsupportedLayerError naming a layer that cannot be quantized,
    SettingsError for a kernel set that does not fit `forward`.
    """
    scheme, target = get_scheme(scheme), get_target(target)
    model = build_simulated(
        prepared,
        scheme=scheme,
        target=target,
        forward=forward,
        kernel_set=kernel_set,
        rounding_noise=rounding_noise,
    )
    Calibrator(model, estimator=estimator)(calibration)
    return QatModel(model=model, scheme=scheme, target=target, origins=prepared.origins)


def build_simulated(
    prepared: PreparedModel,
    *,
    scheme: str | QuantScheme = "w8a8",
    target: str | Target = "litert_xnnpack",
    forward: Forward = "fake",
    kernel_set: KernelSet | None = None,
    rounding_noise: float = 0.0,
) -> tf_keras.Model:
    """The wrapped model with the weights of the prepared one, its ranges not yet set."""
    scheme, target = get_scheme(scheme), get_target(target)
    integers = _integers_of(target, forward, kernel_set, rounding_noise)
    graph = read_graph(prepared.model)
    scheme, activation_bits = _for_graph(scheme, graph)
    placements = place(graph, activation_bits=activation_bits)
    _refuse_unwritable(placements, activation_bits)
    violations = target.check(scheme, describe(placements))
    if violations:
        raise SchemeError(
            f"target {target.name!r} does not permit scheme {scheme.name!r} for this model:\n"
            + "\n".join(f"  {violation}" for violation in violations)
        )
    if any(placement.op == LIVE_BATCH_NORM for placement in placements.values()):
        # A file has none, and so no integers; `fold_trained` goes on.
        integers = {**integers, "until_folded": True} if integers else {}
    graph = _with_quantizer_nodes(graph, placements)
    model = build_model(graph, lambda node: _wrapped(node, placements, scheme, integers))
    if integers:
        refuse_uncovered(quantized_layers(model), integers["kernel_set"])
    for node in graph.nodes.values():
        if node.weights and node.shares in (None, node.name):
            model.get_layer(node.name).layer.set_weights(list(node.weights))
    return model


def _refuse_unwritable(placements: dict[str, Placement], activation_bits: int) -> None:
    """Raises SchemeError naming what the converter cannot write with activations of so many bits.

    Where the specification fixes the scale of an output, the converter makes it int8 beside int16 inputs, and then
    refuses its own operator (`tests/contracts/test_converter.py`).
    """
    if activation_bits == 8:
        return
    refused = [
        f"{placement.op} (layer {name!r})"
        for name, placement in placements.items()
        if placement.op not in (IDENTITY, LIVE_BATCH_NORM) and op_spec(placement.op).fixed_output is not None
    ]
    if refused:
        raise SchemeError(
            f"the converter writes no {activation_bits}-bit {', '.join(refused)} for a trained model: let the model "
            "end before it (logits instead of probabilities), use ReLU, or choose a scheme with 8-bit activations"
        )


def _integers_of(
    target: Target, forward: Forward, kernel_set: KernelSet | None, rounding_noise: float
) -> dict[str, Any]:
    """What a layer is told of the integers that it is to compute; nothing where it computes none."""
    if kernel_set is not None and kernel_set not in get_args(KernelSet):
        raise UnknownNameError("kernel set", kernel_set, get_args(KernelSet))
    if forward not in get_args(Forward):
        raise UnknownNameError("forward pass", forward, get_args(Forward))
    if not 0 <= rounding_noise <= 1:
        raise SettingsError(f"rounding_noise is a share of the codes, 0 to 1, received {rounding_noise}")
    if forward == "fake":
        for name, value in (("kernel_set", kernel_set), ("rounding_noise", rounding_noise)):
            if value:
                raise SettingsError(f"{name}={value!r} is for forward='integer'; forward is 'fake'")
        return {}
    if kernel_set is None and target.kernel_set is None:
        raise SettingsError(
            f"no kernels here stand for target {target.name!r}: name those whose integers to compute, "
            f"kernel_set= one of {', '.join(get_args(KernelSet))}"
        )
    return {"kernel_set": kernel_set or target.kernel_set, "rounding_noise": rounding_noise}


def _for_graph(scheme: QuantScheme, graph: Graph) -> tuple[QuantScheme, int]:
    """The scheme with its `end_layers` as rules, and the bits of all activations.

    Raises SchemeError where a layer's activations have no quantizer in training, or differ from the other layers'.
    """
    nodes = graph.nodes.values()
    if scheme.end_layers is not None:
        ends = [
            Rule(path=glob.escape(node.name), use=scheme.end_layers)
            for node in end_layers(graph)
            if not any(rule.matches(node.name, node.kind) for rule in scheme.rules)
        ]
        scheme = scheme.with_rules(*ends, name=scheme.name)
    schemes = {node.name: scheme.for_layer(node.name, node.kind) for node in nodes}
    for name, layer in schemes.items():
        spec = layer.activations
        if layer.weights is None or layer.activation_mode != "static" or spec is None or not spec.signed:
            raise SchemeError(
                f"scheme {scheme.name!r} cannot be trained (layer {name!r}): training takes integer weights and static "
                "int8 or int16 activations"
            )
    widths = {layer.activations.num_bits: name for name, layer in schemes.items() if layer.activations is not None}
    if len(widths) > 1:
        raise SchemeError(
            f"scheme {scheme.name!r} gives layers activations of different bits: "
            + ", ".join(f"{bits} for {name!r}" for bits, name in widths.items())
            + "; give all of them the same"
        )
    return scheme, next(iter(widths))


def end_layers(graph: Graph) -> list[Node]:
    """The nodes with a kernel that an input, or an output, reaches without passing another one with a kernel."""
    behind = {name: list(node.inputs) for name, node in graph.nodes.items()}
    before: dict[str, list[str]] = {name: [] for name in graph.nodes}
    for name, sources in behind.items():
        for source in sources:
            before[source].append(name)
    found = {*_first_kernels(graph, graph.inputs, before), *_first_kernels(graph, graph.outputs, behind)}
    return [node for node in graph.nodes.values() if node.name in found]


def _first_kernels(graph: Graph, starts: Sequence[str], neighbours: dict[str, list[str]]) -> set[str]:
    found, seen, open_ = set(), set(), list(starts)
    while open_:
        name = open_.pop()
        if name in seen:
            continue
        seen.add(name)
        if graph.nodes[name].layer_class in KERNELS:
            found.add(name)
        else:
            open_.extend(neighbours[name])
    return found


def _with_quantizer_nodes(graph: Graph, placements: dict[str, Placement]) -> Graph:
    """A node behind each input and each call of a shared layer, to carry the quantizer of that one place."""
    changes = {}
    for name, node in graph.nodes.items():
        if not placements[name].quantizes_output or not (name in graph.inputs or node.shares):
            continue
        quantizer_name = graph.free_name(f"quantize_{name}")
        quantizer = Node(
            name=quantizer_name,
            layer_class=tf_keras.layers.Activation,
            config={"name": quantizer_name, "activation": "linear"},
            inputs=(name,),
            output_shape=node.output_shape,
        )
        changes[name] = (node, quantizer)
    return graph.replaced(changes)


def _wrapped(
    node: Node, placements: dict[str, Placement], scheme: QuantScheme, integers: dict[str, Any]
) -> QuantizedLayer:
    """The node's layer in its quantizers. That of an input or a shared layer stands in a node of its own."""
    is_quantizer = node.name not in placements
    placement = placements[node.inputs[0] if is_quantizer else node.name]
    layer_scheme = scheme.for_layer(placement.node.name, placement.node.kind)
    kernel = KERNELS.get(node.layer_class)
    quantizes_output = placement.quantizes_output and not node.shares
    layer = node.layer_class.from_config(_with_constant_on_grid(node, layer_scheme))
    if node.layer_class is FakeQuantize:
        # The quantizer of the tensor has the range; the layer's own variables stand still.
        layer.trainable = False
    return QuantizedLayer(
        layer,
        LayerQuantizeConfig(
            op=IDENTITY if is_quantizer else placement.op,
            kernel=kernel.attribute if kernel else None,
            weight_quantizer=weight_quantizer(layer_scheme, kernel.channel_axes) if kernel else None,
            output_quantizer=_output_quantizer(layer_scheme, placement, placements) if quantizes_output else None,
            group=placement.group,
            fixed=placement.fixed,
            fused=placement.fused and not is_quantizer,
            **integers,
        ),
    )


def _with_constant_on_grid(node: Node, scheme: LayerScheme) -> dict[str, Any]:
    """The node's configuration, a constant operand rounded as the converter quantizes it: by its own extremes.

    A bound of MAXIMUM or MINIMUM has its input's scale, and is rounded behind.
    """
    config = dict(node.config)
    spec = scheme.activations
    if node.layer_class is WithConstant and spec is not None and config["operation"] not in ("maximum", "minimum"):
        value = np.asarray(config["value"], np.float64)
        config["value"] = fake_quantize(value, choose_qparams(value.min(), value.max(), spec)).tolist()
    return config


def _output_quantizer(
    scheme: LayerScheme, placement: Placement, placements: dict[str, Placement]
) -> ActivationQuantizer:
    others = (other for other in placements.values() if other.group == placement.group and other is not placement)
    alone = not any(other.quantizes_output for other in others)
    if placement.range_source is not None:
        learned = placement.range_source == "learned"
        scheme = scheme.model_copy(update={"activation_ranges": "learned_step" if learned else "measured"})
        if learned and not alone:
            raise UnsupportedLayerError(
                placement.node.name,
                placement.op,
                "A FakeQuantize layer wants its range learned, and it is one with other tensors' (joined by a "
                "concatenation, say); choose range_source='calibrated'.",
            )
    return activation_quantizer(scheme, op=placement.op, may_learn=alone and placement.fixed is None)
