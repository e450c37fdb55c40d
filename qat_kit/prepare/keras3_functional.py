"""The Functional model within a Keras 3 model, and the same over inputs of fixed sizes."""

from __future__ import annotations

from typing import Any

from qat_kit.errors import ModelError, ModelNotBuiltError
from qat_kit.input_shapes import InputShapes
from qat_kit.prepare.input_shapes import chosen_shapes
from qat_kit.prepare.keras3_calls import nested_feeds


def functional_of(model: Any) -> Any:
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


def fixed_functional(functional: Any, wanted: InputShapes) -> Any:
    """The model over inputs of these shapes, of the same layers; the model itself where nothing is left to fix.

    Raises as `chosen_shapes`, and ModelError where a layer cannot take such inputs.
    """
    import keras
    from keras import tree

    inputs = {tensor.name: tuple(tensor.shape) for tensor in functional.inputs}
    shapes = chosen_shapes(functional.name, inputs, wanted)
    if shapes == inputs:
        return functional
    fixed = [
        keras.Input(batch_shape=shapes[tensor.name], dtype=tensor.dtype, name=tensor.name)
        for tensor in functional.inputs
    ]
    try:
        outputs = _called(functional, fixed)
    except (ValueError, TypeError) as error:
        given = {name: shape[1:] for name, shape in shapes.items()}
        reason = str(error).splitlines()[0]
        raise ModelError(f"model {functional.name!r} cannot take input_shapes={given}: {reason}") from error
    return keras.Model(tree.pack_sequence_as(functional._inputs_struct, fixed), outputs, name=functional.name)


def _called(functional: Any, tensors: list[Any]) -> Any:
    """The model's layers on other symbolic tensors, those of nested models too."""

    def operation_for(operation: Any) -> Any:
        if not (hasattr(operation, "_nodes_by_depth") or hasattr(operation, "_functional")):
            return operation
        inner = functional_of(operation)
        return lambda *args, **kwargs: _called(inner, nested_feeds(inner, args, kwargs))

    return functional._run_through_graph(tensors, operation_fn=operation_for)
