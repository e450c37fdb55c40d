"""From a Keras model to a graph: nested models taken apart, a layer that is called at several places copied."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from qat_kit.errors import ModelError, ModelNotBuiltError, UnsupportedLayerError
from qat_kit.prepare.graph import Graph, Node, Operand, Shape, call_name, tensor_name
from qat_kit.prepare.tracing import is_opaque, traced_place


@dataclass(frozen=True, kw_only=True)
class LayerCall:
    """A live layer at one of its places.

    name, inputs: as in `Node`. first: the name of the layer's first call. place: what Keras remembers of the call.
    """

    name: str
    layer: tf_keras.layers.Layer
    inputs: tuple[str, ...]
    first: str
    place: Any


def require_functional(model: object) -> tf_keras.Model:
    """Returns the model when it is a built Sequential or Functional tf_keras model; else says what it is."""
    kind = type(model)
    if not isinstance(model, tf_keras.Model):
        raise ModelError(f"expected a model of tf_keras or Keras 3, received {kind.__module__}.{kind.__qualname__}")
    if not model.built or (isinstance(model, tf_keras.Sequential) and not model.inputs):
        raise ModelNotBuiltError(
            f"model {model.name!r} has no input shape yet: give its first layer an `input_shape`, start it with "
            "`tf_keras.Input(shape)`, or call `model.build(input_shape)`"
        )
    if not getattr(model, "_is_graph_network", False):
        raise ModelError(
            f"model {model.name!r} is subclassed ({kind.__qualname__}): its layers cannot be seen from outside. "
            "Rebuild it with the functional API: `tf_keras.Model(inputs, outputs)`"
        )
    return model


def layer_calls(model: tf_keras.Model) -> tuple[LayerCall, ...]:
    """The calls of a Functional model in topological order, those of nested models among them.

    A layer's second call is named `name_call2`; a nested layer `model_layer` where names clash.
    """
    reader = _Reader(require_functional(model))
    reader.expand(model, None)
    return tuple(reader.calls.values())


def read_graph(model: tf_keras.Model) -> Graph:
    """A model as a graph; nested models are taken apart (see `layer_calls`).

    A layer that is called at several places becomes a node a place, with the same weights and the same `shares`.
    """
    reader = _Reader(require_functional(model))
    outputs = reader.expand(model, None)
    num_calls = Counter(call.first for call in reader.calls.values())
    return Graph(
        name=model.name,
        nodes={name: _node(call, shared=num_calls[call.first] > 1) for name, call in reader.calls.items()},
        inputs=tuple(tensor.node.layer.name for tensor in model.inputs),
        outputs=outputs,
        output_names=tuple(model.output_names),
    )


def _node(call: LayerCall, *, shared: bool) -> Node:
    layer = call.layer
    shapes = _shapes(call.place)
    return Node(
        name=call.name,
        layer_class=type(layer),
        config={**_config(layer), "name": call.name},
        inputs=call.inputs,
        output_shape=shapes[0],
        further_shapes=shapes[1:],
        weights=tuple(np.asarray(weight.value()) for weight in layer.weights),
        origins=(layer.name,),
        arguments=_arguments(call.place),
        shares=call.first if shared else None,
    )


@dataclass
class _Reader:
    """Collects the calls of a model and of those nested in it."""

    model: tf_keras.Model
    calls: dict[str, LayerCall] = field(default_factory=dict)
    # The outer model's own names stay what they are.
    _taken: set[str] = field(init=False)
    # Of each layer, what its first call is named and how many calls were met.
    _first: dict[int, str] = field(default_factory=dict)
    _count: Counter[int] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._taken = {layer.name for layer in self.model.layers}

    def expand(self, model: tf_keras.Model, feeds: Mapping[int, str] | None) -> tuple[str, ...]:
        """Adds the calls of `model` and returns its outputs; feeds: input layer → tensor, when it is nested."""
        # The tensors that each place of the model makes.
        made: dict[int, tuple[str, ...]] = {}

        def known(tensor: Any) -> str:
            name: str = made[id(tensor.node)][tensor._keras_history.tensor_index]
            return name

        for depth in sorted(model._nodes_by_depth, reverse=True):
            for place in model._nodes_by_depth[depth]:
                layer = place.layer
                if is_opaque(layer):
                    inner, given = traced_place(place)
                    made[id(place)] = self.expand(inner, {key: known(value) for key, value in given.items()})
                elif isinstance(layer, tf_keras.Model):
                    given = _nested_feeds(require_functional(layer), place)
                    made[id(place)] = self.expand(layer, {key: known(value) for key, value in given.items()})
                elif feeds is not None and id(layer) in feeds:
                    made[id(place)] = (feeds[id(layer)],)
                else:
                    made[id(place)] = self._add(place, tuple(map(known, place.keras_inputs)), model, feeds is not None)
        return tuple(map(known, model.outputs))

    def _add(self, place: Any, sources: tuple[str, ...], model: tf_keras.Model, nested: bool) -> tuple[str, ...]:
        layer = place.layer
        name = self._name(layer, model, nested)
        self.calls[name] = LayerCall(name=name, layer=layer, inputs=sources, first=self._first[id(layer)], place=place)
        return tuple(tensor_name(name, index) for index in range(len(_shapes(place))))

    def _name(self, layer: tf_keras.layers.Layer, model: tf_keras.Model, nested: bool) -> str:
        self._count[id(layer)] += 1
        if id(layer) in self._first:
            name = call_name(self._first[id(layer)], self._count[id(layer)], self._taken)
        else:
            name = layer.name
            while nested and name in self._taken:
                name = f"{model.name}_{name}"
            self._first[id(layer)] = name
        self._taken.add(name)
        return name


def _nested_feeds(model: tf_keras.Model, place: Any) -> dict[int, Any]:
    """What a nested model is called with: its input layer → the tensor."""
    given = place.call_args[0] if place.call_args else place.call_kwargs["inputs"]
    wanted = model._nested_inputs
    if isinstance(given, Mapping):
        wanted = wanted if isinstance(wanted, Mapping) else dict(zip(model.input_names, model.inputs, strict=True))
        given = {key: given[key] for key in wanted}
    pairs = zip(tf.nest.flatten(wanted), tf.nest.flatten(given), strict=True)
    return {id(inner.node.layer): outer for inner, outer in pairs}


def _arguments(place: Any) -> dict[str, Any]:
    """What a layer is called with beside its inputs, by parameter; empty where that is nothing.

    `training=False` says what inference does anyway.
    """
    if not place.keras_inputs:
        return {}
    layer = place.layer
    # Operations on tensors hand their arguments on.
    is_operation = hasattr(layer, "symbol")
    function = layer.function if is_operation else layer.call
    try:
        bound = _bound(inspect.signature(function), place)
    except (TypeError, ValueError) as error:
        raise UnsupportedLayerError(layer.name, type(layer).__name__, f"Its call cannot be read: {error}") from None
    first, *others = bound
    plain = all(isinstance(value, _KerasTensor) for value in tf.nest.flatten(bound[first]))
    extra = {
        key: bound[key] for key in others if bound[key] is not None and not (key == "training" and bound[key] is False)
    }
    if plain and not extra and not is_operation and not isinstance(bound[first], Mapping):
        return {}
    positions = {id(tensor): index for index, tensor in reversed(list(enumerate(place.keras_inputs)))}

    def placed(value: Any) -> Any:
        # A custom layer's own weight in an operation is a constant of the graph.
        value = value.numpy() if isinstance(value, tf.Variable) else value
        return Operand(positions[id(value)]) if isinstance(value, _KerasTensor) else value

    arguments: dict[str, Any] = tf.nest.map_structure(placed, {first: bound[first], **extra})
    return arguments


def _bound(signature: inspect.Signature, place: Any) -> dict[str, Any]:
    """A call's arguments by parameter; those of `*operands` under that name with its star."""
    arguments: dict[str, Any] = {}
    for name, value in signature.bind(*place.call_args, **place.call_kwargs).arguments.items():
        match signature.parameters[name].kind:
            case inspect.Parameter.VAR_POSITIONAL:
                arguments[f"*{name}"] = value
            case inspect.Parameter.VAR_KEYWORD:
                arguments |= value
            case _:
                arguments[name] = value
    return arguments


_KerasTensor = type(tf_keras.Input((1,)))


def _shapes(place: Any) -> tuple[Shape, ...]:
    """The shape of each tensor that a call returns."""
    shapes = [tensor.shape for tensor in tf.nest.flatten(place.outputs)]
    if any(shape.rank is None for shape in shapes):
        raise UnsupportedLayerError(
            place.layer.name,
            type(place.layer).__name__,
            "TensorFlow cannot tell how many axes its output has; name the axes (`tf.squeeze(x, axis)`), or reshape.",
        )
    return tuple(map(tuple, shapes))


def _config(layer: tf_keras.layers.Layer) -> dict[str, Any]:
    try:
        config: dict[str, Any] = layer.get_config()
    except NotImplementedError:
        raise UnsupportedLayerError(
            layer.name, type(layer).__name__, "It has no `get_config`, so it cannot be rebuilt; use Keras' own layers."
        ) from None
    if getattr(layer, "causal", False):
        # tf_keras' attention layers take it, and leave it out of their configuration.
        config["causal"] = True
    return config
