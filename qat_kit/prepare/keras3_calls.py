"""What a Keras 3 layer is called with → the arguments of the same call in tf_keras."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import tf_keras

from qat_kit.errors import UnsupportedLayerError
from qat_kit.prepare.graph import Operand
from qat_kit.prepare.operations.keras import is_operation


def call_arguments(place: Any, layer_class: type[tf_keras.layers.Layer]) -> dict[str, Any]:
    """A call's arguments by the parameters of `layer_class.call`, as `Node.arguments` holds them.

    place: the Keras 3 node of the call. Empty where the layer is simply called with its input, or the list of its
    inputs. `training` is left out: a model in inference overrides it, whatever the call says. So is a mask that comes
    with an input, which tf_keras hands on itself. Raises UnsupportedLayerError naming an argument that tf_keras' layer
    does not have.
    """
    from keras import tree

    layer, kind = place.operation, type(place.operation).__name__
    positions = {id(tensor): index for index, tensor in reversed(list(enumerate(given_tensors(place))))}
    bound = inspect.signature(layer.call).bind(*place.arguments.args, **place.arguments.kwargs).arguments
    inputs, implicit = next(iter(bound.values())), _implicit_masks(place)
    extra = {
        key: value
        for key, value in list(bound.items())[1:]
        if key != "training" and any(leaf is not None and id(leaf) not in implicit for leaf in tree.flatten(value))
    }
    if isinstance(inputs, Mapping):
        raise UnsupportedLayerError(layer.name, kind, f"It is called with a dict of {sorted(inputs)}; give a list.")
    if not extra and all(id(value) in positions for value in tree.flatten(inputs)):
        return {}
    mine = list(inspect.signature(layer_class.call).parameters)[1:]
    for key in extra:
        if key not in mine:
            raise UnsupportedLayerError(
                layer.name, kind, f"It is called with {key}=…, and tf_keras' {layer_class.__name__} takes no {key}."
            )

    def placed(value: Any) -> Any:
        return Operand(positions[id(value)]) if id(value) in positions else value

    # What the first parameter is called is nothing to Keras.
    return {mine[0]: tree.map_structure(placed, inputs), **tree.map_structure(placed, extra)}


def given_tensors(place: Any) -> list[Any]:
    """The tensors that a call was given, without the masks that came with them."""
    implicit = set() if is_operation(place.operation) else _implicit_masks(place)
    return [tensor for tensor in place.arguments.keras_tensors if id(tensor) not in implicit]


def _implicit_masks(place: Any) -> set[int]:
    """The ids of the tensors in a call that Keras put there: the masks that come with its inputs."""
    import keras

    masks = (keras.src.backend.get_keras_mask(tensor) for tensor in place.arguments.keras_tensors)
    return {id(mask) for mask in masks if mask is not None}


def needed_tensors(functional: Any) -> set[int]:
    """The ids of the tensors that a Functional model's outputs are made of, without what only makes implicit masks."""
    needed = {id(tensor) for tensor in functional.outputs}
    for depth in sorted(functional._nodes_by_depth):
        for place in functional._nodes_by_depth[depth]:
            if any(id(tensor) in needed for tensor in place.outputs):
                needed |= {id(tensor) for tensor in given_tensors(place)}
    return needed


def nested_feeds(inner: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Any]:
    """The tensors that a nested Functional model is called with, in the order of its inputs."""
    from keras import tree

    given = args[0] if args else kwargs["inputs"]
    if isinstance(given, Mapping) and not isinstance(inner._inputs_struct, Mapping):
        return [given[tensor.name] for tensor in inner.inputs]
    if isinstance(given, Mapping):
        given = {key: given[key] for key in inner._inputs_struct}
    tensors: list[Any] = tree.flatten(given)
    return tensors
