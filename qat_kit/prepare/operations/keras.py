"""Keras 3's operations (`keras.ops.*`, `x + 1`, `x[:, 1:]`), by the names of their classes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from qat_kit.errors import nearest
from qat_kit.prepare.operations import activations, arithmetic, images, parts, products, reductions, reshaping
from qat_kit.prepare.operations.lowering import Lowering, Tensor
from qat_kit.prepare.operations.table import Form, form, lower

_BINARY = {
    **{"Add": "add", "Subtract": "subtract", "Multiply": "multiply", "Divide": "divide", "TrueDivide": "divide"},
    **{"Maximum": "maximum", "Minimum": "minimum"},
}
_FUNCTIONS = {"Absolute": "abs", "Exp": "exp", "Log": "log", "Sqrt": "sqrt", "Rsqrt": "rsqrt"}
_REDUCTIONS = {"Mean": "mean", "Sum": "sum", "Max": "max", "Amax": "max", "Min": "min", "Amin": "min"}
_ACTIVATIONS = {
    **{"Sigmoid": "sigmoid", "Tanh": "tanh", "Selu": "selu", "Softplus": "softplus", "Softsign": "softsign"},
}
_PLAIN_RELU = {"negative_slope": 0.0, "threshold": 0.0}

KERAS: dict[str, Form] = {
    **{kind: form(arithmetic.binary, {"operation": operation}, x="x1", y="x2") for kind, operation in _BINARY.items()},
    **{kind: form(arithmetic.elementwise, {"function": function}) for kind, function in _FUNCTIONS.items()},
    **{kind: form(reductions.reduce, {"function": function}) for kind, function in _REDUCTIONS.items()},
    **{kind: form(activations.activation, {"name": name}) for kind, name in _ACTIVATIONS.items()},
    "Negative": form(arithmetic.negative),
    "Square": form(arithmetic.square),
    "Power": form(arithmetic.power, x="x1", y="x2"),
    "Var": form(reductions.variance),
    "Std": form(reductions.deviation),
    "Moments": form(reductions.moments),
    "Relu": form(activations.relu, {**_PLAIN_RELU, "max_value": None}),
    "Relu6": form(activations.relu, {**_PLAIN_RELU, "max_value": 6.0}),
    "ReLU": form(activations.relu),
    "LeakyRelu": form(activations.leaky_relu, alpha="negative_slope"),
    "Elu": form(activations.elu),
    "Gelu": form(activations.gelu),
    "Silu": form(activations.silu, {"beta": 1.0}),
    "HardSigmoid": form(activations.hard_sigmoid),
    "HardSilu": form(activations.hard_silu),
    "Softmax": form(activations.softmax),
    "LogSoftmax": form(activations.log_softmax),
    "Clip": form(activations.clip, minimum="x_min", maximum="x_max"),
    "Reshape": form(reshaping.reshape, shape="newshape"),
    "Transpose": form(reshaping.transpose),
    "Swapaxes": form(reshaping.swap_axes),
    "Moveaxis": form(reshaping.move_axis),
    "ExpandDims": form(reshaping.expand_dims),
    "Squeeze": form(reshaping.squeeze),
    "Copy": form(reshaping.identity),
    "StopGradient": form(reshaping.identity, x="variable"),
    "Cast": form(reshaping.cast),
    "Concatenate": form(reshaping.concat, values="xs"),
    "Stack": form(reshaping.stack, values="x"),
    "Tile": form(reshaping.tile, multiples="repeats"),
    "Repeat": form(reshaping.repeat),
    "BroadcastTo": form(reshaping.broadcast_to),
    "Flip": form(reshaping.reverse),
    "Roll": form(reshaping.roll),
    "Pad": form(reshaping.pad, paddings="pad_width"),
    "DepthToSpace": form(reshaping.depth_space, {"function": "depth_to_space"}),
    "SpaceToDepth": form(reshaping.depth_space, {"function": "space_to_depth"}),
    "GetItem": form(parts.get_item),
    "Split": form(parts.split_at),
    "Unstack": form(parts.unstack),
    "Take": form(parts.gather, {"batch_dims": 0}, params="x"),
    "Matmul": form(products.matmul, a="x1", b="x2"),
    "Dot": form(products.dot, a="x1", b="x2"),
    "Tensordot": form(products.tensordot, a="x1", b="x2"),
    "Einsum": form(products.einsum, equation="subscripts", inputs="*operands"),
    "Resize": form(images.resize, method="interpolation"),
    "MaxPool": form(images.pool, {"function": "max"}, x="inputs", size="pool_size"),
    "AveragePool": form(images.pool, {"function": "average"}, x="inputs", size="pool_size"),
    "Conv": form(images.convolution, x="inputs", dilations="dilation_rate"),
    "DepthwiseConv": form(images.depthwise_convolution, x="inputs", dilations="dilation_rate"),
}
# Where Keras defines them; a user's class of the same name is another thing.
_MODULES = ("keras.src.ops.", "keras.src.activations.")


def is_operation(operation: Any) -> bool:
    """Whether Keras made this of an operation on tensors, rather than of a layer."""
    return type(operation).__module__.startswith(_MODULES)


def lower_operation(
    step: Lowering, operation: Any, args: Sequence[Any], kwargs: Mapping[str, Any], tensors: Mapping[int, str]
) -> Sequence[Tensor]:
    """The layers of a Keras 3 operation as it was called; tensors: the id of a KerasTensor → its name.

    Raises UnsupportedLayerError for an operation, or an argument, that has no layer.
    """
    kind = type(operation)
    if kind.__name__ not in KERAS:
        step.refuse(
            "No int8 layer stands for this operation: compute it before or behind the model, or use a layer. "
            + nearest("operations", kind.__name__, KERAS)
        )
    made, called = inspect.signature(kind.__init__).parameters, inspect.signature(kind.call)
    arguments = {name: getattr(operation, name) for name in made if name not in ("self", "name", "args", "kwargs")}
    for name, value in called.bind(operation, *args, **kwargs).arguments.items():
        if name != "self":
            star = called.parameters[name].kind is inspect.Parameter.VAR_POSITIONAL
            arguments[f"*{name}" if star else name] = _named(value, tensors)
    defaults = {name: parameter.default for name, parameter in {**made, **called.parameters}.items()}
    return lower(step, KERAS[kind.__name__], arguments, defaults)


def _named(value: Any, tensors: Mapping[int, str]) -> Any:
    """With `Tensor` in the place of each KerasTensor."""
    if isinstance(value, list | tuple):
        return type(value)(_named(item, tensors) for item in value)
    return Tensor(tensors[id(value)]) if id(value) in tensors else value
