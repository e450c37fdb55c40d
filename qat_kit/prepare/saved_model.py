"""A model as a SavedModel that the converter takes: inference mode, batch 1, named inputs and outputs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
import tf_keras

from qat_kit.errors import OutputError
from qat_kit.files import write_text
from qat_kit.vocabulary import ORDER


def save_for_conversion(
    model: tf_keras.Model, folder: Path, forward: Callable[[Sequence[Any]], Sequence[Any]] | None = None
) -> Path:
    """Writes a SavedModel whose one signature takes and gives one sample; returns `folder`. Raises OutputError.

    Beside it stands in which order the model has its inputs and outputs, which a signature does not keep.
    forward: from the tensors of all inputs to those of all outputs; None for the model's own inference.
    """
    forward = forward or (lambda inputs: _as_list(model(inputs[0] if len(inputs) == 1 else inputs, training=False)))
    signature = [
        tf.TensorSpec((1, *tensor.shape[1:]), tensor.dtype, name=tensor.node.layer.name) for tensor in model.inputs
    ]

    @tf.function(input_signature=signature)
    def serve(*inputs: Any) -> dict[str, Any]:
        outputs = forward(list(inputs))
        return dict(zip(model.output_names, outputs, strict=True))

    # The module holds the variables that `serve` captures, and nothing else of the model.
    module = tf.Module()
    module.variables_of_model = model.variables
    try:
        tf.saved_model.save(module, str(folder), signatures=serve)
    except tf.errors.OpError as error:
        raise OutputError(f"could not write the SavedModel for conversion, {folder}: {error.message}") from None
    names = {"inputs": [tensor.node.layer.name for tensor in model.inputs], "outputs": list(model.output_names)}
    write_text(folder / ORDER, json.dumps(names))
    return folder


def _as_list(outputs: Any) -> list[Any]:
    return list(outputs) if isinstance(outputs, list | tuple) else [outputs]
