"""A layer of Keras 3 → the layer of tf_keras with the same arguments and weights, by an allow-list."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tf_keras
from numpy.typing import NDArray

from qat_kit.errors import UnsupportedLayerError, nearest
from qat_kit.layers import Elementwise, PerChannelAffine, RMSNormalization
from qat_kit.prepare.graph import Node

LAYERS = {
    name: getattr(tf_keras.layers, name)
    for name in (
        *("Conv1D", "Conv2D", "DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D"),
        *("Conv2DTranspose", "Dense", "BatchNormalization", "Activation", "ReLU", "LeakyReLU", "PReLU", "ELU"),
        *("Softmax", "Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate"),
        *("MaxPooling1D", "MaxPooling2D", "AveragePooling1D", "AveragePooling2D"),
        *("GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalMaxPooling1D", "GlobalMaxPooling2D"),
        *("Flatten", "Reshape", "Permute", "ZeroPadding1D", "ZeroPadding2D", "Cropping1D", "Cropping2D"),
        *("UpSampling1D", "UpSampling2D", "Dropout", "SpatialDropout1D", "SpatialDropout2D"),
        *("GaussianNoise", "GaussianDropout", "AlphaDropout", "SpatialDropout3D", "Rescaling", "Normalization"),
        *("Conv3D", "Conv1DTranspose", "Conv3DTranspose", "EinsumDense", "LayerNormalization", "GroupNormalization"),
        *("UnitNormalization", "Dot", "RepeatVector", "Identity", "ActivityRegularization"),
        *("MaxPooling3D", "AveragePooling3D", "GlobalAveragePooling3D", "GlobalMaxPooling3D"),
        *("ZeroPadding3D", "Cropping3D", "UpSampling3D", "LSTM", "GRU", "SimpleRNN"),
        *("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "Embedding", "Resizing"),
        *("MultiHeadAttention", "Attention", "AdditiveAttention"),
    )
} | {"RMSNormalization": RMSNormalization}
# Operations (`keras.ops.reshape`) are classes too, some with the name of a layer and none of its arguments.
_KERAS_LAYERS = "keras.src.layers."
_CONVNEXT = "keras.src.applications.convnext"
_RENAMED = {"LeakyReLU": {"negative_slope": "alpha"}}
# Arguments that tf_keras hands on to a base class.
_OF_BASE = {"Attention": {"dropout"}, "AdditiveAttention": {"dropout"}}
_ACTIVATIONS = {
    *("linear", "relu", "relu6", "sigmoid", "tanh", "softmax", "gelu", "silu", "swish"),
    *("elu", "selu", "softplus", "softsign", "exponential", "mish", "leaky_relu", "log_softmax"),
}
# Functions that tf_keras has not, or (hard_sigmoid) has another of that name → what `Elementwise` calls them.
_ELEMENTWISE = {"hard_silu": "hard_swish", "hard_swish": "hard_swish", "hard_sigmoid": "hard_sigmoid"}
# How a layer computes, not what; and what Resizing reads with `pad_to_aspect_ratio` alone, which is refused itself.
_IGNORED = ("use_cudnn", "quantization_config", "seed", "fill_mode", "fill_value")
_REGULARIZERS = {"L1", "L2", "L1L2"}


def carried_node(layer: Any, name: str, sources: tuple[str, ...], shapes: tuple[Any, ...]) -> Node:
    """The node of a layer at one of its places; raises UnsupportedLayerError for a layer or argument not known here.

    shapes: of its outputs.
    """
    kind = type(layer).__name__
    weights = weights_of(layer)
    if kind == "InputLayer":
        config = layer.get_config()
        dtype = "float32" if is_float(config["dtype"]) else config["dtype"]
        made = tf_keras.layers.InputLayer(batch_input_shape=config["batch_shape"], dtype=dtype, name=name)
    elif kind in LAYERS and type(layer).__module__.startswith(_KERAS_LAYERS):
        made = LAYERS[kind](**constructor_arguments(layer, LAYERS[kind]), name=name)
    elif type(layer).__module__ == _CONVNEXT and kind == "LayerScale":
        made = PerChannelAffine(name=name, trainable=layer.trainable)
        weights = [*weights, np.zeros_like(weights[0])]
    elif type(layer).__module__ == _CONVNEXT and kind == "StochasticDepth":
        # Both drop in training alone: the whole residual, by one draw a sample.
        shape = (None, *(1 for _ in shapes[0][1:]))
        made = tf_keras.layers.Dropout(layer.drop_path_rate, noise_shape=shape, name=name)
    else:
        raise UnsupportedLayerError(
            layer.name,
            kind,
            f"It cannot be carried over from Keras 3. {nearest('layers', kind, LAYERS)}",
        )
    return layer_node(layer, made, weights, name, sources, shapes)


def layer_node(
    layer: Any,
    made: tf_keras.layers.Layer,
    weights: Sequence[NDArray[Any]],
    name: str,
    sources: tuple[str, ...],
    shapes: tuple[Any, ...],
) -> Node:
    """The node of `made`, which stands for a layer of Keras 3; shapes: of its outputs."""
    return Node(
        name=name,
        layer_class=type(made),
        config=made.get_config(),
        inputs=sources,
        output_shape=shapes[0],
        further_shapes=shapes[1:],
        weights=tuple(weights),
        origins=(layer.name,),
    )


def weights_of(layer: Any) -> list[NDArray[Any]]:
    """The weights of a layer as NumPy has them; those of 16 bits widened."""
    weights = [np.asarray(weight) for weight in layer.get_weights()]
    return [weight.astype(np.float32) if weight.dtype.itemsize == 2 else weight for weight in weights]


def is_float(dtype: Any) -> bool:
    """Whether a dtype's name is one of real numbers."""
    return str(dtype).startswith(("float", "bfloat"))


def constructor_arguments(layer: Any, layer_class: type[tf_keras.layers.Layer]) -> dict[str, Any]:
    """The constructor arguments of the tf_keras layer; raises UnsupportedLayerError for one that it does not have.

    What the layer computes in becomes float32, of which its weights are anyway under a mixed policy.
    """
    config, kind = dict(layer.get_config()), type(layer).__name__
    policy = layer.dtype_policy
    if policy.quantization_mode is not None:
        raise UnsupportedLayerError(
            layer.name, kind, f"Its dtype policy is {policy.name}: Keras has quantized it. Give the model before that."
        )
    renamed = _RENAMED.get(kind, {})
    accepted = set(inspect.signature(layer_class.__init__).parameters) | _OF_BASE.get(kind, set())
    arguments: dict[str, Any] = {"trainable": layer.trainable}
    for key, value in config.items():
        # The weights are carried over, so how they began does not matter.
        if key in ("name", "trainable", "dtype") or key in _IGNORED or key.endswith("_initializer"):
            continue
        target = renamed.get(key, key)
        if target in accepted:
            arguments[target] = _value(layer.name, kind, key, value)
        elif key == "zero_output_for_mask" and issubclass(layer_class, tf_keras.layers.RNN):
            # Bidirectional turns it on; tf_keras takes it by name alone.
            arguments |= {key: value} if value else {}
        elif value not in (None, False, "channels_last") and not key.startswith("renorm_"):
            raise UnsupportedLayerError(layer.name, kind, f"tf_keras has no {key}={value!r} for it.")
    return arguments


def _value(name: str, kind: str, key: str, value: Any) -> Any:
    """An argument's value in tf_keras' terms."""
    if key in ("activation", "recurrent_activation"):
        if isinstance(value, str) and value in _ELEMENTWISE:
            return Elementwise(_ELEMENTWISE[value])
        if value not in _ACTIVATIONS:
            known = ", ".join(sorted(_ACTIVATIONS | _ELEMENTWISE.keys()))
            raise UnsupportedLayerError(
                name, kind, f"Its activation {value!r} cannot be carried over; use one of {known}."
            )
    elif kind == "Normalization" and key in ("mean", "variance") and value is not None:
        # As Keras 3 holds them.
        return np.asarray(value, np.float32).tolist()
    elif key.endswith("_regularizer") and value is not None:
        if not isinstance(value, Mapping) or value["class_name"] not in _REGULARIZERS:
            raise UnsupportedLayerError(name, kind, f"Its {key} {value!r} cannot be carried over; use L1, L2 or L1L2.")
        return tf_keras.regularizers.get({"class_name": value["class_name"], "config": value["config"]})
    elif key.endswith("_constraint") and value is not None:
        raise UnsupportedLayerError(name, kind, f"Its {key} cannot be carried over; train without it.")
    return value
