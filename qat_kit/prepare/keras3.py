"""A Keras 3 model → the same model in tf_keras, by an allow-list of layers whose arguments are all carried over.

tfmot wraps tf_keras layers. Carrying a model over by its configuration alone loses arguments where the two generations
name them differently (LeakyReLU's slope) and turns operations into layers by coincidence of names; so every argument
is mapped here or refused by name, and the outputs are compared at the end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import tf_keras

from qat_kit.input_shapes import InputShapes
from qat_kit.prepare.broken import refuse_broken_weights
from qat_kit.prepare.building import build_model
from qat_kit.prepare.channels_last import run_channels_last
from qat_kit.prepare.graph import Graph, Node, call_name, node_of, tensor_name
from qat_kit.prepare.keras3_calls import call_arguments, given_tensors, needed_tensors, nested_feeds
from qat_kit.prepare.keras3_functional import fixed_functional, functional_of
from qat_kit.prepare.keras3_layers import carried_node, layer_node
from qat_kit.prepare.keras3_proof import prove_built, prove_carried
from qat_kit.prepare.keras3_tracing import is_opaque_keras3, traced_keras3_place
from qat_kit.prepare.keras3_wrappers import carried_wrapper, is_wrapper
from qat_kit.prepare.operations.keras import is_operation, lower_operation
from qat_kit.prepare.operations.lowering import Lowering
from qat_kit.prepare.output_names import keep_output_names, named_by_keys, unique_names
from qat_kit.prepare.refusals import refuse_channels_first


def is_keras3(model: object) -> bool:
    """Whether a model is of Keras 3; does not import it."""
    return any(kind.__module__.startswith("keras.") for kind in type(model).__mro__)


def as_tf_keras(model: Any, *, input_shapes: InputShapes | None = None) -> tf_keras.Model:
    """The model itself when it is of tf_keras; a Keras 3 model carried over, with equal outputs.

    input_shapes: of a Keras 3 model, fixes sizes that it leaves open (what its operations become depends on them).
    Raises ModelNotBuiltError, ModelError for a subclassed model, and UnsupportedLayerError naming the layer, operation
    or argument that cannot be carried over.

    >>> import keras
    >>> carried = as_tf_keras(keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="scores")], name="net"))
    >>> type(carried).__module__.split(".")[0], carried.name, carried.layers[-1].name
    ('tf_keras', 'net', 'scores')
    """
    if not is_keras3(model):
        return model
    functional = fixed_functional(functional_of(model), input_shapes or {})
    refuse_broken_weights(
        (weight.path.split("/")[-2], weight.name, np.asarray(weight)) for weight in functional.weights
    )
    carrier = _Carrier()
    graph = Graph(
        name=model.name,
        outputs=carrier.expand(functional, None),
        inputs=tuple(tensor._keras_history.operation.name for tensor in functional.inputs),
        nodes=carrier.nodes,
        output_names=unique_names(tensor._keras_history.operation.name for tensor in functional.outputs),
    )
    graph = named_by_keys(graph, functional._inputs_struct, functional._outputs_struct)
    prove_carried(functional, graph)
    graph = run_channels_last(graph)
    refuse_channels_first(graph)
    carried = build_model(graph if _are_named(graph) else keep_output_names(graph))
    prove_built(functional, carried)
    return carried


def _are_named(graph: Graph) -> bool:
    """Whether the layers that make the outputs are called as these."""
    makers = [graph.nodes[node_of(tensor)] for tensor in graph.outputs]
    layers = unique_names(maker.shares or maker.name for maker in makers)
    return layers == graph.output_names


def _feeds(inner: Any, outer: list[Any], known: Mapping[int, str]) -> dict[int, str]:
    """Input tensor of a model within → what stands for it outside."""
    return {id(tensor): known[id(given)] for tensor, given in zip(inner.inputs, outer, strict=True)}


@dataclass
class _Carrier:
    """Collects the nodes of a model and of those nested in it."""

    nodes: dict[str, Node] = field(default_factory=dict)
    # Of each layer, what its first call is named and how many calls were met.
    _first: dict[int, str] = field(default_factory=dict)
    _count: Counter[int] = field(default_factory=Counter)

    def expand(self, functional: Any, feeds: Mapping[int, str] | None) -> tuple[str, ...]:
        """Adds the nodes of a Functional model; feeds: its input tensors → what stands for them when it is nested."""
        known: dict[int, str] = dict(feeds or {})
        needed = needed_tensors(functional)
        for depth in sorted(functional._nodes_by_depth, reverse=True):
            for place in functional._nodes_by_depth[depth]:
                tensors = {id(tensor) for tensor in place.outputs}
                # Inputs stay, even where nothing reads them.
                if tensors <= known.keys() or not (tensors & needed or place.is_input):
                    continue
                operation = place.operation
                if is_opaque_keras3(operation):
                    inner, outer = traced_keras3_place(place)
                    made = self.expand(inner, _feeds(inner, outer, known))
                elif hasattr(operation, "_nodes_by_depth") or hasattr(operation, "_functional"):
                    inner = functional_of(operation)
                    made = self.expand(
                        inner, _feeds(inner, nested_feeds(inner, place.arguments.args, place.arguments.kwargs), known)
                    )
                elif is_operation(operation):
                    made = self._lowered(place, known, functional, feeds is not None)
                else:
                    made = self._carried(place, known, functional, feeds is not None)
                known |= {id(tensor): name for tensor, name in zip(place.outputs, made, strict=True)}
        return tuple(known[id(tensor)] for tensor in functional.outputs)

    def _carried(self, place: Any, known: Mapping[int, str], model: Any, nested: bool) -> tuple[str, ...]:
        layer = place.operation
        sources = tuple(known[id(tensor)] for tensor in given_tensors(place))
        name = self._name(layer, model, nested)
        shapes = tuple(tuple(tensor.shape) for tensor in place.outputs)
        if is_wrapper(layer):
            node = layer_node(layer, *carried_wrapper(layer, name, carry=as_tf_keras), name, sources, shapes)
        else:
            node = carried_node(layer, name, sources, shapes)
        if sources:
            node = replace(node, arguments=call_arguments(place, node.layer_class))
        first = self._first[id(layer)]
        if name != first:
            self.nodes[first] = replace(self.nodes[first], shares=first)
            node = replace(node, shares=first)
        self.nodes[name] = node
        return tuple(tensor_name(name, index) for index in range(len(shapes)))

    def _lowered(self, place: Any, known: Mapping[int, str], model: Any, nested: bool) -> tuple[str, ...]:
        operation = place.operation
        step = Lowering(
            name=self._name(operation, model, nested),
            kind=f"keras.ops {type(operation).__name__}",
            dtype="float32",
            graph=Graph(name="", nodes=self.nodes),
        )
        results = lower_operation(step, operation, place.arguments.args, place.arguments.kwargs, known)
        layers, tensors = step.finish(results)
        self.nodes |= {layer.name: layer for layer in layers}
        return tuple(tensors)

    def _name(self, layer: Any, model: Any, nested: bool) -> str:
        self._count[id(layer)] += 1
        if id(layer) in self._first:
            return call_name(self._first[id(layer)], self._count[id(layer)], self.nodes)
        name: str = layer.name
        while name in self.nodes:
            name = f"{model.name}_{name}" if nested else f"{name}_"
        self._first[id(layer)] = name
        return name
