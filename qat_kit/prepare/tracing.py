"""Subclassed models and custom layers: what their Python does, recorded by calling it on symbolic tensors.

Keras' symbolic tensors remember the layers and operations that made them. So `call` is run once on such tensors, and
the layers within, with their own weights, stand in a Functional model. Python that needs a value (`if tensor:`, NumPy)
cannot run that way, and the error says whose it is.
"""

from __future__ import annotations

import inspect
from typing import Any

import tensorflow as tf
import tf_keras

from qat_kit.errors import ModelError, ModelNotBuiltError, UnsupportedLayerError

# Whose layers are known by their configuration. A Lambda's function is not.
_KNOWN = ("tf_keras", "qat_kit", "tensorflow_model_optimization")
REMEDY = (
    "Use layers and TensorFlow operations alone in it, without `if`, loops or NumPy on tensors, or build the model "
    "with the functional API: `{0}.Model(inputs, outputs)`"
)


def is_opaque(layer: tf_keras.layers.Layer) -> bool:
    """Whether a layer's work is known from its `call` alone: a custom layer, a subclassed model, a Lambda."""
    if isinstance(layer, tf_keras.Model):
        return not (layer._is_graph_network or isinstance(layer, tf_keras.Sequential))
    return type(layer).__module__.split(".")[0] not in _KNOWN or type(layer) is tf_keras.layers.Lambda


def traced_place(place: Any) -> tuple[tf_keras.Model, dict[int, Any]]:
    """What an opaque layer does at one of its places: a Functional model, and its input layer → the outer tensor.

    Raises UnsupportedLayerError where its Python cannot be run on symbolic tensors.
    """
    layer = place.layer
    fresh = {id(tensor): tf_keras.Input(type_spec=tensor.type_spec) for tensor in place.keras_inputs}

    def symbol_for(value: Any) -> Any:
        return fresh.get(id(value), value)

    arguments, named = tf.nest.map_structure(symbol_for, (list(place.call_args), dict(place.call_kwargs)))
    try:
        outputs = layer.call(*arguments, **for_inference(layer, named))
        inner = tf_keras.Model(list(fresh.values()), tf.nest.flatten(outputs), name=layer.name)
    except Exception as error:
        raise UnsupportedLayerError(
            layer.name,
            type(layer).__name__,
            f"Its `call` cannot be traced: {reason_of(error)}. {REMEDY.format('tf_keras')}",
        ) from error
    return inner, {id(fresh[id(tensor)].node.layer): tensor for tensor in place.keras_inputs}


def traced_model(model: tf_keras.Model) -> tf_keras.Model:
    """A subclassed model of tf_keras as a Functional one over the same layers.

    Raises ModelNotBuiltError where it has never been called, ModelError where its Python cannot be traced.
    """
    spec = model.save_spec(dynamic_batch=True) if model.built else None
    if spec is None:
        raise not_built(model, "call it on a batch")
    inputs = tf.nest.map_structure(
        lambda one: tf_keras.Input(batch_shape=one.shape, dtype=one.dtype, name=_input_name(one.name)), spec[0][0]
    )
    try:
        outputs = model.call(inputs, **for_inference(model, {}))
        return tf_keras.Model(inputs, outputs, name=model.name)
    except Exception as error:
        raise untraceable(model, error, "tf_keras") from error


def for_inference(layer: Any, named: dict[str, Any]) -> dict[str, Any]:
    """The named arguments of a `call`, in inference where it asks for the mode."""
    wants_training = "training" in inspect.signature(layer.call).parameters
    return {**named, "training": False} if wants_training else named


def _input_name(name: str) -> str:
    return name.split(":")[0].split("/")[-1]


def not_built(model: Any, remedy: str) -> ModelNotBuiltError:
    """The error for a subclassed model without an input shape."""
    return ModelNotBuiltError(
        f"model {model.name!r} is subclassed ({type(model).__qualname__}) and has no input shape yet: {remedy} first, "
        "or build it with the functional API"
    )


def untraceable(model: Any, error: Exception, kit: str) -> ModelError:
    """The error for a subclassed model whose Python cannot be traced."""
    return ModelError(
        f"model {model.name!r} is subclassed ({type(model).__qualname__}), and its `call` cannot be traced: "
        f"{reason_of(error)}. {REMEDY.format(kit)}"
    )


def reason_of(error: Exception) -> str:
    """The first line of an error, for a sentence."""
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")[:200]
