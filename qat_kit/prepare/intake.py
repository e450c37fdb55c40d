"""The door of the kit: whatever a user calls a model → a Functional model of tf_keras, or an error that says why."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import tf_keras

from qat_kit.input_shapes import read_input_shapes
from qat_kit.prepare.broken import refuse_broken_weights
from qat_kit.prepare.building import build_model
from qat_kit.prepare.channels_last import is_channels_first, run_channels_last
from qat_kit.prepare.float32 import float_dtypes, in_float32
from qat_kit.prepare.input_shapes import fixed_model
from qat_kit.prepare.keras3 import as_tf_keras
from qat_kit.prepare.keras3_tracing import traced_keras3_model
from qat_kit.prepare.kinds import refuse_foreign, refuse_other_backend
from qat_kit.prepare.loading import load_any
from qat_kit.prepare.output_names import keep_output_names, named_by_keys
from qat_kit.prepare.proof import prove_same_graph, prove_same_outputs
from qat_kit.prepare.reading import read_graph
from qat_kit.prepare.refusals import refuse_channels_first
from qat_kit.prepare.tracing import is_opaque, traced_model


def take_model(
    model: Any,
    *,
    custom_objects: Mapping[str, Any] | None = None,
    unsafe: bool = False,
    input_shapes: Any = None,
) -> tf_keras.Model:
    """A model of tf_keras or Keras 3, or the path of one, as a model of tf_keras.

    custom_objects, unsafe: for a path, as `load_any` takes them. input_shapes: input name → sizes without the batch, or
    the sizes of the only input; fixes those that the model leaves open.
    Raises ForeignModelError for a model of another library, KerasFileError for a file without a Keras model, ModelError
    for a model that cannot be carried over.
    """
    if isinstance(model, str | os.PathLike):
        model = load_any(model, custom_objects=custom_objects, unsafe=unsafe)
    shapes = read_input_shapes(input_shapes)
    if isinstance(model, tf_keras.Model):
        model = _of_known_layers(model)
        return fixed_model(model, shapes) if shapes and model.built else model
    if not any(kind.__module__.startswith("keras.src.models.") for kind in type(model).__mro__):
        refuse_foreign(model)
    refuse_other_backend(model)
    is_subclassed = not (hasattr(model, "_functional") or hasattr(model, "_nodes_by_depth"))
    return as_tf_keras(traced_keras3_model(model) if is_subclassed else model, input_shapes=shapes)


def _of_known_layers(model: tf_keras.Model) -> tf_keras.Model:
    """The model itself, or the same of Keras' own layers in float32, with lists in the place of dicts.

    Subclassed models and custom layers are taken apart; what was an entry of a dict is called by its key.
    """
    is_plain = not is_opaque(model)
    if not is_plain:
        model = traced_model(model)
    if not model.built:
        return model
    refuse_broken_weights(
        (layer.name, weight.name, weight.numpy()) for layer in model.layers for weight in layer.weights
    )
    layers = list(model._flatten_layers(include_self=False))
    structures = (getattr(model, "_nested_inputs", None), getattr(model, "_nested_outputs", None))
    is_plain = is_plain and not any(is_opaque(layer) for layer in layers)
    dtypes = float_dtypes(layers)
    is_plain = is_plain and not any(getattr(layer, "data_format", "") == "channels_first" for layer in layers)
    if is_plain and dtypes <= {"float32"} and not any(isinstance(structure, Mapping) for structure in structures):
        return model
    graph = named_by_keys(read_graph(model), *structures)
    turned = keep_output_names(run_channels_last(in_float32(graph)))
    refuse_channels_first(turned)
    taken = build_model(turned)
    if any(map(is_channels_first, graph.nodes.values())):
        # No CPU has kernels to run the model itself.
        prove_same_graph(graph, turned, "putting channels last")
    elif dtypes <= {"float32", "float64"}:
        # What half precision computes is too coarse to be compared with.
        prove_same_outputs(model, taken, "taking it in float32")
    return taken
