"""Runs a simulated model layer by layer, with quantizers in or out: for calibration and for export.

Both look at the variables that training changes; there is no second model to keep in step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf
import tf_keras

from qat_kit.prepare.reading import layer_calls
from qat_kit.simulation.wrapper import QuantizedLayer


def quantized_layers(model: tf_keras.Model) -> tuple[QuantizedLayer, ...]:
    """The wrapped layers of a simulated model, in topological order."""
    layers = (call.layer for call in layer_calls(model))
    return tuple(dict.fromkeys(layer for layer in layers if isinstance(layer, QuantizedLayer)))


def walk(
    model: tf_keras.Model,
    inputs: Sequence[Any],
    *,
    quantize_outputs: bool,
    kernels: Mapping[str, Any] | None = None,
    observe: Callable[[QuantizedLayer, Any], None] | None = None,
) -> list[Any]:
    """The model's outputs for `inputs`, in inference mode.

    quantize_outputs: whether the quantizers stand behind the layers, as the converter reads them.
    kernels: layer → its kernel, to be used as it is; quantized from the variable where it is left out. observe: called
    with each wrapped layer and its output before the quantizer. Each layer's operations stand in a name scope with the
    layer's name, by which the file's tensors can be traced back.
    """
    values: dict[str, Any] = dict(zip((tensor.node.layer.name for tensor in model.inputs), inputs, strict=True))
    for call in layer_calls(model):
        layer = call.layer
        if call.name in values:
            continue
        sources = [values[name] for name in call.inputs]
        feed = sources[0] if len(sources) == 1 else sources
        with tf.name_scope(call.name):
            kernel = (kernels or {}).get(layer.name)
            value = layer.compute(feed, training=False, kernel=kernel, quantized=quantize_outputs)
            if observe is not None:
                observe(layer, value)
            values[call.name] = layer.export_output(value) if quantize_outputs else value
    # An output's layer is called once: `keep_output_names`.
    return [values[tensor.node.layer.name] for tensor in model.outputs]
