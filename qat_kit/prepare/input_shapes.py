"""Sizes that a model leaves open → those that its user gives: a file has fixed ones, but for the batch."""

from __future__ import annotations

from collections.abc import Mapping

import tf_keras

from qat_kit.errors import ModelError, UnknownNameError
from qat_kit.input_shapes import InputShapes
from qat_kit.prepare.building import build_model
from qat_kit.prepare.graph import Shape
from qat_kit.prepare.proof import prove_same_outputs
from qat_kit.prepare.reading import read_graph


def chosen_shapes(model: str, inputs: Mapping[str, Shape], wanted: InputShapes) -> dict[str, Shape]:
    """The shape of each input, with the batch, once `wanted` has fixed what was open.

    inputs: name → shape, None where a size is open. Raises UnknownNameError for an input that there is not, ModelError
    where sizes contradict the model's.
    """
    if "" in wanted and (len(wanted) != 1 or len(inputs) != 1):
        raise ModelError(
            f"model {model!r} has {len(inputs)} inputs; say which one each shape is for: {_example(inputs)}"
        )
    named = {name or next(iter(inputs)): sizes for name, sizes in wanted.items()}
    for name, sizes in named.items():
        if name not in inputs:
            raise UnknownNameError(f"input of model {model!r}", name, inputs)
        open_sizes = inputs[name][1:]
        if len(sizes) != len(open_sizes) or any(
            size not in (None, given) for size, given in zip(open_sizes, sizes, strict=True)
        ):
            raise ModelError(
                f"input {name!r} of model {model!r} takes samples of shape {list(open_sizes)}, and input_shapes says "
                f"{list(sizes)}; only what is None can be fixed"
            )
    return {name: (shape[0], *named.get(name, shape[1:])) for name, shape in inputs.items()}


def fixed_model(model: tf_keras.Model, wanted: InputShapes) -> tf_keras.Model:
    """The model over inputs of these shapes, its weights copied; the model itself where nothing is left to fix.

    Raises as `chosen_shapes`, and ModelError where a layer cannot take such inputs.
    """
    inputs = {tensor.node.layer.name: tuple(tensor.shape) for tensor in model.inputs}
    shapes = chosen_shapes(model.name, inputs, wanted)
    if shapes == inputs:
        return model
    graph = read_graph(model)
    changes = {}
    for name, shape in shapes.items():
        door = graph.nodes[name]
        changes[name] = (door.configured(batch_input_shape=shape),)
    try:
        fixed = build_model(graph.replaced(changes))
    except (ValueError, TypeError) as error:
        raise ModelError(
            f"model {model.name!r} cannot take {_example(shapes)}: {str(error).splitlines()[0]}"
        ) from error
    prove_same_outputs(model, fixed, "fixing its input shapes")
    return fixed


def refuse_open_shapes(model: tf_keras.Model) -> None:
    """Raises ModelError naming the inputs that have a size left open, and how to fix it."""
    inputs = {tensor.node.layer.name: tuple(tensor.shape) for tensor in model.inputs}
    open_inputs = {name: shape for name, shape in inputs.items() if None in shape[1:]}
    if open_inputs:
        shown = ", ".join(f"{name!r} takes {list(shape[1:])}" for name, shape in open_inputs.items())
        raise ModelError(
            f"model {model.name!r}: input {shown}, and a file has fixed sizes. Say which they are, "
            f"{_example(open_inputs)}, or build the model with `Input(shape)`"
        )


def _example(inputs: Mapping[str, Shape]) -> str:
    """The argument as it is to be written; 96 where a size is open."""
    shown = ", ".join(
        f"{name!r}: {tuple(96 if size is None else size for size in inputs[name][1:])}" for name in inputs
    )
    return f"input_shapes={{{shown}}}"
