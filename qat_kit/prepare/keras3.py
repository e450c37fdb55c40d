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

import tf_keras

from qat_kit.errors import ModelError, ModelNotBuiltError
from qat_kit.prepare.building import build_model
from qat_kit.prepare.graph import Graph, Node, call_name, node_of, tensor_name
from qat_kit.prepare.keras3_layers import carried_node, refuse_arguments
from qat_kit.prepare.operations.keras import is_operation, lower_operation
from qat_kit.prepare.operations.lowering import Lowering
from qat_kit.prepare.proof import prove_same_outputs


def is_keras3(model: object) -> bool:
    """Whether a model is of Keras 3; does not import it."""
    return any(kind.__module__.startswith("keras.") for kind in type(model).__mro__)


def as_tf_keras(model: Any) -> tf_keras.Model:
    """The model itself when it is of tf_keras; a Keras 3 model carried over, with equal outputs.

    Raises ModelNotBuiltError, ModelError for a subclassed model, and UnsupportedLayerError naming the layer, operation
    or argument that cannot be carried over.

    >>> import keras
    >>> carried = as_tf_keras(keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="scores")], name="net"))
    >>> type(carried).__module__.split(".")[0], carried.name, carried.layers[-1].name
    ('tf_keras', 'net', 'scores')
    """
    if not is_keras3(model):
        return model
    functional = _functional(model)
    carrier = _Carrier()
    outputs = carrier.expand(functional, None)
    inputs = tuple(tensor._keras_history.operation.name for tensor in functional.inputs)
    carried = build_model(Graph(name=model.name, nodes=carrier.nodes, inputs=inputs, outputs=outputs))
    prove_same_outputs(model, carried, "carrying it over from Keras 3")
    return carried


def _functional(model: Any) -> Any:
    """The Functional model within: a Keras 3 Sequential holds one once it is built."""
    if not model.built or not getattr(model, "inputs", None):
        raise ModelNotBuiltError(
            f"model {model.name!r} has no input shape yet: start it with `keras.Input(shape)` or call "
            "`model.build(input_shape)`"
        )
    functional = getattr(model, "_functional", None) or model
    if not hasattr(functional, "_nodes_by_depth"):
        raise ModelError(
            f"model {model.name!r} is subclassed ({type(model).__qualname__}): its layers cannot be seen from outside. "
            "Rebuild it with the functional API: `keras.Model(inputs, outputs)`"
        )
    return functional


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
        for depth in sorted(functional._nodes_by_depth, reverse=True):
            for place in functional._nodes_by_depth[depth]:
                if all(id(tensor) in known for tensor in place.outputs):
                    continue
                operation = place.operation
                sources = tuple(known[id(tensor)] for tensor in place.arguments.keras_tensors)
                if hasattr(operation, "_nodes_by_depth") or hasattr(operation, "_functional"):
                    inner = _functional(operation)
                    given = {id(tensor): name for tensor, name in zip(inner.inputs, sources, strict=True)}
                    made = self.expand(inner, given)
                elif is_operation(operation):
                    made = self._lowered(place, known, functional, feeds is not None)
                else:
                    made = self._carried(place, sources, functional, feeds is not None)
                known |= {id(tensor): name for tensor, name in zip(place.outputs, made, strict=True)}
        return tuple(known[id(tensor)] for tensor in functional.outputs)

    def _carried(self, place: Any, sources: tuple[str, ...], model: Any, nested: bool) -> tuple[str, ...]:
        layer = place.operation
        refuse_arguments(place, layer.name, type(layer).__name__)
        name = self._name(layer, model, nested)
        shapes = tuple(tuple(tensor.shape) for tensor in place.outputs)
        node = carried_node(layer, name, sources, shapes)
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
            shape_of=lambda tensor: Graph(name="", nodes=self.nodes).shape_of(tensor),
            node_of=lambda tensor: self.nodes[node_of(tensor)],
            taken=self.nodes,
        )
        results = lower_operation(step, operation, place.arguments.args, place.arguments.kwargs, known)
        layers, tensors = step.finish(results)
        self.nodes |= {layer.name: layer for layer in layers}
        return tuple(tensors[index] for index in range(len(tensors)))

    def _name(self, layer: Any, model: Any, nested: bool) -> str:
        self._count[id(layer)] += 1
        if id(layer) in self._first:
            return call_name(self._first[id(layer)], self._count[id(layer)], self.nodes)
        name: str = layer.name
        while name in self.nodes:
            name = f"{model.name}_{name}" if nested else f"{name}_"
        self._first[id(layer)] = name
        return name
