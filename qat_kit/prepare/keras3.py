"""A Keras 3 model → the same model in tf_keras, by an allow-list of layers whose arguments are all carried over.

tfmot wraps tf_keras layers. Carrying a model over by its configuration alone loses arguments where the two generations
name them differently (LeakyReLU's slope) and turns operations into layers by coincidence of names; so every argument
is mapped here or refused by name, and the outputs are compared at the end.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np
import tf_keras

from qat_kit.errors import ModelError, ModelNotBuiltError, UnsupportedLayerError
from qat_kit.prepare.building import build_model
from qat_kit.prepare.graph import Graph, Node
from qat_kit.prepare.proof import prove_same_outputs

_LAYERS = {
    name: getattr(tf_keras.layers, name)
    for name in (
        *("Conv1D", "Conv2D", "DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D"),
        *("Conv2DTranspose", "Dense", "BatchNormalization", "Activation", "ReLU", "LeakyReLU", "PReLU", "ELU"),
        *("Softmax", "Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate"),
        *("MaxPooling1D", "MaxPooling2D", "AveragePooling1D", "AveragePooling2D"),
        *("GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalMaxPooling1D", "GlobalMaxPooling2D"),
        *("Flatten", "Reshape", "Permute", "ZeroPadding1D", "ZeroPadding2D", "Cropping1D", "Cropping2D"),
        *("UpSampling1D", "UpSampling2D", "Dropout", "SpatialDropout1D", "SpatialDropout2D"),
        *("GaussianNoise", "GaussianDropout", "Rescaling"),
    )
}
# Operations (`keras.ops.reshape`) are classes too, some with the name of a layer and none of its arguments.
_KERAS_LAYERS = "keras.src.layers."
_RENAMED = {"LeakyReLU": {"negative_slope": "alpha"}}
_ACTIVATIONS = {"linear", "relu", "relu6", "sigmoid", "tanh", "softmax", "gelu", "silu", "swish"}
_REGULARIZERS = {"L1", "L2", "L1L2"}


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
    nodes: dict[str, Node] = {}
    outputs = _expand(functional, None, nodes)
    inputs = tuple(tensor._keras_history.operation.name for tensor in functional.inputs)
    carried = build_model(Graph(name=model.name, nodes=nodes, inputs=inputs, outputs=outputs))
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


def _expand(functional: Any, feeds: tuple[str, ...] | None, nodes: dict[str, Node]) -> tuple[str, ...]:
    """Adds the nodes of a Functional model; `feeds` stand for its inputs when it is nested in another."""
    names: dict[str, str] = {}
    input_names = [tensor._keras_history.operation.name for tensor in functional.inputs]
    for depth in sorted(functional._nodes_by_depth, reverse=True):
        for node in functional._nodes_by_depth[depth]:
            layer, kind = node.operation, type(node.operation).__name__
            if layer.name in names:
                raise UnsupportedLayerError(
                    layer.name, kind, "It is called at two places; give each place a layer of its own."
                )
            sources = tuple(names[tensor._keras_history.operation.name] for tensor in node.arguments.keras_tensors)
            if feeds is not None and layer.name in input_names:
                names[layer.name] = feeds[input_names.index(layer.name)]
            elif hasattr(layer, "_nodes_by_depth") or hasattr(layer, "_functional"):
                (names[layer.name],) = _expand(_functional(layer), sources, nodes)
            else:
                _refuse_arguments(node, layer.name, kind)
                names[layer.name] = layer.name if layer.name not in nodes else f"{functional.name}_{layer.name}"
                nodes[names[layer.name]] = _node(layer, kind, names[layer.name], sources)
    return tuple(names[tensor._keras_history.operation.name] for tensor in functional.outputs)


def _refuse_arguments(node: Any, name: str, kind: str) -> None:
    """A call may say `training=False`, which is what inference does anyway, and nothing more beside its inputs."""
    given = [str(value) for value in node.arguments.args[1:] if value is not None]
    given += [
        f"{key}={value}"
        for key, value in node.arguments.kwargs.items()
        if value is not None and (key, value) != ("training", False)
    ]
    if given and kind in _LAYERS:
        raise UnsupportedLayerError(
            name, kind, f"It is called with {', '.join(given)} beside its inputs; call it with inputs alone."
        )


def _node(layer: Any, kind: str, name: str, sources: tuple[str, ...]) -> Node:
    if kind == "InputLayer":
        config = layer.get_config()
        made = tf_keras.layers.InputLayer(batch_input_shape=config["batch_shape"], dtype=config["dtype"], name=name)
    elif kind in _LAYERS and type(layer).__module__.startswith(_KERAS_LAYERS):
        made = _LAYERS[kind](**_arguments(layer, kind), name=name)
    else:
        raise UnsupportedLayerError(
            layer.name,
            kind,
            "It cannot be carried over from Keras 3; use a layer in its place (Add for `a + b`, Reshape for "
            f"`keras.ops.reshape`). Layers that can be: {', '.join(_LAYERS)}.",
        )
    return Node(
        name=name,
        layer_class=type(made),
        config=made.get_config(),
        inputs=sources,
        output_shape=tuple(layer.output.shape),
        weights=tuple(np.asarray(weight) for weight in layer.get_weights()),
        origins=(layer.name,),
    )


def _arguments(layer: Any, kind: str) -> dict[str, Any]:
    """The constructor arguments of the tf_keras layer; raises UnsupportedLayerError for one that it does not have."""
    config = dict(layer.get_config())
    policy = layer.dtype_policy.name
    if policy != "float32":
        raise UnsupportedLayerError(layer.name, kind, f"Its dtype policy is {policy}; build the model in float32.")
    renamed = _RENAMED.get(kind, {})
    accepted = set(inspect.signature(_LAYERS[kind].__init__).parameters)
    arguments: dict[str, Any] = {"trainable": layer.trainable}
    for key, value in config.items():
        # The weights are carried over, so how they began does not matter.
        if key in ("name", "trainable", "dtype") or key.endswith("_initializer"):
            continue
        target = renamed.get(key, key)
        if target in accepted:
            arguments[target] = _value(layer.name, kind, key, value)
        elif value not in (None, False) and not key.startswith("renorm_"):
            raise UnsupportedLayerError(layer.name, kind, f"tf_keras has no {key}={value!r} for it.")
    return arguments


def _value(name: str, kind: str, key: str, value: Any) -> Any:
    """An argument's value in tf_keras' terms."""
    if key == "activation":
        if value not in _ACTIVATIONS:
            raise UnsupportedLayerError(
                name, kind, f"Its activation {value!r} cannot be carried over; use one of {', '.join(_ACTIVATIONS)}."
            )
    elif key.endswith("_regularizer") and value is not None:
        if not isinstance(value, Mapping) or value["class_name"] not in _REGULARIZERS:
            raise UnsupportedLayerError(name, kind, f"Its {key} {value!r} cannot be carried over; use L1, L2 or L1L2.")
        return tf_keras.regularizers.get({"class_name": value["class_name"], "config": value["config"]})
    elif key.endswith("_constraint") and value is not None:
        raise UnsupportedLayerError(name, kind, f"Its {key} cannot be carried over; train without it.")
    return value
