"""Layers of Keras 3 that hold layers: RNN, Bidirectional, TimeDistributed → the same in tf_keras."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tf_keras

from qat_kit.errors import UnsupportedLayerError, nearest
from qat_kit.prepare.keras3_layers import LAYERS, constructor_arguments, weights_of

_layers = tf_keras.layers

_CELLS = {name: getattr(_layers, name) for name in ("LSTMCell", "GRUCell", "SimpleRNNCell", "StackedRNNCells")}
_RECURRENT = ("LSTM", "GRU", "SimpleRNN", "RNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")
_OWN = ("RNN", "Bidirectional", "TimeDistributed")

Carry = Callable[[Any], tf_keras.Model]


def is_wrapper(layer: Any) -> bool:
    """Whether a layer of Keras 3 is one of these."""
    return type(layer).__name__ in _OWN and type(layer).__module__.startswith("keras.src.layers.rnn.")


def carried_wrapper(layer: Any, name: str, *, carry: Carry) -> tuple[tf_keras.layers.Layer, list[Any]]:
    """The tf_keras layer with its weights in its own order.

    carry: makes a tf_keras model of a Keras 3 model, for what TimeDistributed holds. Raises UnsupportedLayerError
    naming the layer and what of it cannot be carried over.
    """
    match type(layer).__name__:
        case "TimeDistributed":
            inner = _model_of(layer, carry)
            return _layers.TimeDistributed(inner, name=name, trainable=layer.trainable), inner.get_weights()
        case "Bidirectional":
            halves = [_recurrent(half, half.name) for half in (layer.forward_layer, layer.backward_layer)]
            made = _layers.Bidirectional(
                halves[0], merge_mode=layer.merge_mode, backward_layer=halves[1], name=name, trainable=layer.trainable
            )
            return made, [*weights_of(layer.forward_layer), *weights_of(layer.backward_layer)]
    return _recurrent(layer, name), weights_of(layer)


def _recurrent(layer: Any, name: str) -> tf_keras.layers.Layer:
    kind = type(layer).__name__
    if kind not in _RECURRENT:
        raise UnsupportedLayerError(layer.name, kind, nearest("recurrent layers", kind, _RECURRENT))
    if kind != "RNN":
        return LAYERS[kind](**constructor_arguments(layer, LAYERS[kind]), name=name)
    arguments = {key: value for key, value in constructor_arguments(layer, _layers.RNN).items() if key != "cell"}
    return _layers.RNN(_cell(layer, layer.cell), **arguments, name=name)


def _cell(layer: Any, cell: Any) -> Any:
    kind = type(cell).__name__
    if kind not in _CELLS or not type(cell).__module__.startswith("keras.src.layers.rnn."):
        raise UnsupportedLayerError(layer.name, f"RNN of {kind}", nearest("cells", kind, _CELLS))
    if kind == "StackedRNNCells":
        return _layers.StackedRNNCells([_cell(layer, each) for each in cell.cells], name=cell.name)
    return _CELLS[kind](**constructor_arguments(cell, _CELLS[kind]), name=cell.name)


def _model_of(layer: Any, carry: Carry) -> tf_keras.Model:
    """What TimeDistributed holds, as a model over one step."""
    import keras

    inner = layer.layer
    if not isinstance(inner, keras.Model):
        batch, _, *step = layer._build_shapes_dict["input_shape"]
        inner = keras.Sequential([keras.Input(batch_shape=(batch, *step)), inner], name=inner.name)
    return carry(inner)
