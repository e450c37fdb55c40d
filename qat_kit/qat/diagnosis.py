"""Which layer exploded: for the message when a training's loss is no longer a number."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from qat_kit.datasets import Split
from qat_kit.simulation.walk import quantized_layers, walk
from qat_kit.simulation.wrapper import QuantizedLayer


def explosion(model: tf_keras.Model, batch: Split) -> str:
    """The first layer with a weight or value that is not finite, else the farthest beyond range.

    batch: what the model was given. Begins with ": layer …"; empty where there is no layer to name.
    """
    for layer in quantized_layers(model):
        broken = [weight.name for weight in layer.weights if not np.isfinite(weight.numpy()).all()]
        if broken:
            return f": layer {layer.name!r} has a weight that is not finite ({broken[0]})"
    farthest, beyond = "", 0.0

    def observe(layer: QuantizedLayer, value: Any) -> None:
        nonlocal farthest, beyond
        if not np.isfinite(beyond) or not layer.quantize_config.quantizes_output:
            return
        params = layer.quantize_config.output_quantizer.params(layer.output_range)
        reach = max(abs(float(params.minimum)), abs(float(params.maximum)))
        largest = float(np.max(np.abs(value)))
        ratio = largest / reach if np.isfinite(largest) else np.inf
        if ratio > beyond:
            farthest, beyond = (
                f": layer {layer.name!r} reaches {largest:.3g} where its range ends at {reach:.3g}",
                ratio,
            )

    walk(model, [tf.constant(array) for array in batch.inputs], quantize_outputs=False, observe=observe)
    return farthest
