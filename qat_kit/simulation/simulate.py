"""From a prepared model to a simulated one: every layer in its quantizers, every range from data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tf_keras

from qat_kit.errors import SchemeError
from qat_kit.prepare.building import build_model
from qat_kit.prepare.graph import Graph, Node
from qat_kit.prepare.reading import read_graph
from qat_kit.results import PreparedModel, QatModel
from qat_kit.schemes import QuantScheme, get_scheme
from qat_kit.simulation.calibration import Calibrator
from qat_kit.simulation.operators import IDENTITY, KERNELS
from qat_kit.simulation.placement import Placement, describe, place
from qat_kit.simulation.quantizers import ACTIVATION_SPEC, WEIGHT_SPEC
from qat_kit.simulation.wrapper import LayerQuantizeConfig, QuantizedLayer
from qat_kit.targets import Target, get_target


def simulate(
    prepared: PreparedModel,
    calibration: Sequence[Sequence[np.ndarray]],
    *,
    scheme: str | QuantScheme = "w8a8",
    target: str | Target = "litert_xnnpack",
    estimator: str = "min_max",
) -> QatModel:
    """Wraps every layer of a prepared model and calibrates it.

    calibration: batches; each holds the arrays of all inputs, in the model's order.
    Raises SchemeError when the target does not permit the scheme (all violations at once), UnsupportedLayerError
    naming a layer that cannot be quantized.
    """
    scheme, target = get_scheme(scheme), get_target(target)
    model = build_simulated(prepared, scheme=scheme, target=target)
    Calibrator(model, estimator=estimator)(calibration)
    return QatModel(model=model, scheme=scheme, target=target, origins=prepared.origins)


def build_simulated(
    prepared: PreparedModel, *, scheme: str | QuantScheme = "w8a8", target: str | Target = "litert_xnnpack"
) -> tf_keras.Model:
    """The wrapped model with the weights of the prepared one, its ranges not yet set."""
    scheme, target = get_scheme(scheme), get_target(target)
    graph = read_graph(prepared.model)
    placements = place(graph)
    _refuse_untrainable(scheme, placements)
    violations = target.check(scheme, describe(placements))
    if violations:
        raise SchemeError(
            f"target {target.name!r} does not permit scheme {scheme.name!r} for this model:\n"
            + "\n".join(f"  {violation}" for violation in violations)
        )
    graph = _with_quantizer_nodes(graph, placements)
    model = build_model(graph, lambda node: _wrapped(node, placements))
    for node in graph.nodes.values():
        if node.weights and node.shares in (None, node.name):
            model.get_layer(node.name).layer.set_weights(list(node.weights))
    return model


def _refuse_untrainable(scheme: QuantScheme, placements: dict[str, Placement]) -> None:
    for name, placement in placements.items():
        if placement.op == IDENTITY:
            continue
        layer = scheme.for_layer(name, placement.node.kind)
        if layer.weights != WEIGHT_SPEC or layer.activations != ACTIVATION_SPEC:
            raise SchemeError(
                f"scheme {scheme.name!r} cannot be trained yet (layer {name!r}): training takes 'w8a8', that is int8 "
                "weights per channel and int8 activations per tensor"
            )


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


def _wrapped(node: Node, placements: dict[str, Placement]) -> QuantizedLayer:
    """The node's layer in its quantizers. That of an input or a shared layer stands in a node of its own."""
    is_quantizer = node.name not in placements
    placement = placements[node.inputs[0] if is_quantizer else node.name]
    kernel = KERNELS.get(node.layer_class)
    return QuantizedLayer(
        node.layer_class.from_config(dict(node.config)),
        LayerQuantizeConfig(
            op=IDENTITY if is_quantizer else placement.op,
            kernel=kernel.attribute if kernel else None,
            channel_axes=kernel.channel_axes if kernel else (),
            quantizes_output=placement.quantizes_output and not node.shares,
            group=placement.group,
            fixed=placement.fixed,
        ),
    )
