"""Subclassed models and custom layers of Keras 3: what their Python does on symbolic tensors, recorded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from qat_kit.errors import UnsupportedLayerError
from qat_kit.prepare.tracing import REMEDY, for_inference, not_built, reason_of, untraceable


def is_opaque_keras3(operation: Any) -> bool:
    """Whether what an operation does is known from its `call` alone: a custom layer, a subclassed model, a Lambda."""
    import keras

    if not isinstance(operation, keras.Layer) or hasattr(operation, "_nodes_by_depth"):
        return False
    return not type(operation).__module__.startswith("keras.src.") or type(operation) is keras.layers.Lambda


def traced_keras3_model(model: Any) -> Any:
    """A subclassed model of Keras 3 as a Functional one over the same layers.

    Raises ModelNotBuiltError where it has never been called, or with several arguments (Keras 3 remembers the shapes
    of the first alone); ModelError where its Python cannot be traced.
    """
    import keras

    shapes = list((getattr(model, "_build_shapes_dict", None) or {}).values())
    if not model.built or len(shapes) != 1 or shapes[0] is None:
        raise not_built(model, "call it on one tensor, list or dict")

    def symbol(path: tuple[Any, ...], shape: tuple[int | None, ...]) -> Any:
        # An entry of a dict has its key for a name.
        name = str(path[-1]) if path and isinstance(path[-1], str) else None
        return keras.Input(batch_shape=(None, *shape[1:]), name=name)

    inputs = _over_shapes(symbol, shapes[0])
    try:
        with _weights_yield():
            outputs = model.call(inputs, **for_inference(model, {}))
        return keras.Model(inputs, outputs, name=model.name)
    except Exception as error:
        raise untraceable(model, error, "keras") from error


def traced_keras3_place(place: Any) -> tuple[Any, list[Any]]:
    """What an opaque layer does at one of its places: a Functional model, and the outer tensors of its inputs.

    Raises UnsupportedLayerError where its Python cannot be run on symbolic tensors.
    """
    import keras
    from keras import tree

    layer = place.operation
    outer = list({id(tensor): tensor for tensor in place.arguments.keras_tensors}.values())
    fresh = {id(tensor): keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype) for tensor in outer}
    arguments, named = place.arguments.fill_in(fresh)
    try:
        with _weights_yield():
            outputs = layer.call(*arguments, **for_inference(layer, named))
        return keras.Model(list(fresh.values()), tree.flatten(outputs), name=layer.name), outer
    except Exception as error:
        raise UnsupportedLayerError(
            layer.name,
            type(layer).__name__,
            f"Its `call` cannot be traced: {reason_of(error)}. {REMEDY.format('keras')}",
        ) from error


@contextmanager
def _weights_yield() -> Iterator[None]:
    """Lets `weight * tensor` be what `tensor * weight` is: an operation on the symbolic tensor.

    A weight of Keras 3 computes at once with whatever it meets, and cannot with a symbolic tensor.
    """
    import keras

    names = [f"__{name}__" for name in ("add", "sub", "mul", "truediv", "matmul")]

    def yielding(method: Any) -> Any:
        return lambda self, other: NotImplemented if keras.utils.is_keras_tensor(other) else method(self, other)

    # Those of the backend's class inherit them.
    owner = next(base for base in keras.Variable.__mro__ if "__matmul__" in vars(base))
    before = {name: vars(owner)[name] for name in names}
    try:
        for name, method in before.items():
            setattr(owner, name, yielding(method))
        yield
    finally:
        for name, method in before.items():
            setattr(owner, name, method)


def _over_shapes(make: Any, shapes: Any, path: tuple[Any, ...] = ()) -> Any:
    """`make(path, shape)` for every shape in nested lists and dicts; a shape is a tuple of sizes."""
    if isinstance(shapes, dict):
        return {key: _over_shapes(make, value, (*path, key)) for key, value in shapes.items()}
    if isinstance(shapes, tuple) and all(size is None or isinstance(size, int) for size in shapes):
        return make(path, shapes)
    return [_over_shapes(make, value, (*path, index)) for index, value in enumerate(shapes)]
