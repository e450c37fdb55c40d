"""Sums, products and the larger or smaller of two tensors, or of a tensor and a constant on either side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tf_keras
from numpy.typing import NDArray

from qat_kit.layers import Elementwise, WithConstant
from qat_kit.prepare.operations.lowering import Lowering, Tensor, constant

_layers = tf_keras.layers

_MERGES = {
    "add": _layers.Add,
    "subtract": _layers.Subtract,
    "multiply": _layers.Multiply,
    "maximum": _layers.Maximum,
    "minimum": _layers.Minimum,
}


def binary(step: Lowering, x: Any, y: Any, *, operation: str) -> Tensor:
    """x ∘ y with the broadcasting of NumPy; operation: add, subtract, multiply, divide, maximum or minimum."""
    if isinstance(x, Tensor) and isinstance(y, Tensor):
        return _quotient(step, x, y) if operation == "divide" else merge(step, operation, x, y)
    if isinstance(x, Tensor):
        return _with_constant(step, x, constant(y), operation, constant_first=False)
    return _with_constant(step, y, constant(x), operation, constant_first=True)


def merge(step: Lowering, operation: str, x: Tensor, y: Tensor) -> Tensor:
    """Two tensors of equal rank."""
    if step.rank(x) != step.rank(y):
        step.refuse(
            f"Its tensors have shapes {list(step.shape(x))} and {list(step.shape(y))}: aligned from the right, the "
            "batch of one meets another axis of the other. Reshape them to the same number of axes."
        )
    return step.add(_MERGES[operation], x, y)


_DIV = "and LiteRT's int8 DIV stops at a divisor whose code is that of zero (tflite/kernels/div.cc)"


def _quotient(step: Lowering, x: Tensor, y: Tensor) -> Tensor:
    divisor = step.producer(y)
    if divisor.layer_class is Elementwise and divisor.config["function"] == "sqrt":
        return merge(step, "multiply", x, step.add(Elementwise, Tensor(divisor.inputs[0]), function="rsqrt"))
    return step.refuse(
        f"It divides by a tensor, {_DIV}. Multiply by the reciprocal of a constant, or by `rsqrt` of a tensor."
    )


def _with_constant(step: Lowering, x: Tensor, value: NDArray[Any], operation: str, *, constant_first: bool) -> Tensor:
    value = value.astype(np.float64)
    if operation == "divide":
        if constant_first:
            step.refuse(
                f"It divides by a tensor, {_DIV}. Take the product of `rsqrt` with itself where it is positive."
            )
        operation, value = "multiply", 1.0 / value
    shape = step.shape(x)
    if value.ndim > len(shape) or (value.ndim == len(shape) and value.shape[0] != 1):
        step.refuse(
            f"Its constant has shape {list(value.shape)}, which gives each sample of {list(shape)} another value."
        )
    if value.size == 1:
        value = value.reshape(())
    per_channel = len(shape) > 1 and (value.ndim == 0 or value.shape[-1] == value.size == shape[-1])
    if per_channel:
        match operation:
            case "add":
                return step.affine(x, 1.0, value)
            case "subtract":
                return step.affine(x, -1.0, value) if constant_first else step.affine(x, 1.0, -value)
            case "multiply":
                return step.affine(x, value)
            case "maximum" if not np.any(value):
                return step.add(_layers.ReLU, x)
    if value.ndim == len(shape):
        # The batch is nobody's constant.
        value = value[0]
    return step.add(WithConstant, x, operation=operation, value=value.tolist(), constant_first=constant_first)


def negative(step: Lowering, x: Tensor) -> Tensor:
    """−x."""
    return step.affine(x, -1.0)


def add_all(step: Lowering, inputs: Sequence[Any]) -> Tensor:
    """The sum of a list of tensors and constants."""
    total = inputs[0]
    for term in inputs[1:]:
        total = binary(step, total, term, operation="add")
    return total if isinstance(total, Tensor) else step.refuse("It adds constants alone.")


def square(step: Lowering, x: Tensor) -> Tensor:
    """x · x."""
    return step.add(_layers.Multiply, x, x)


def power(step: Lowering, x: Any, y: Any) -> Tensor:
    """x to the power of one constant: 1, 2, 3, 4, ½ or −½."""
    if not isinstance(x, Tensor) or isinstance(y, Tensor) or constant(y).size != 1:
        step.refuse("Its exponent must be one constant.")
    match float(constant(y).reshape(())):
        case 1.0:
            return x
        case 2.0:
            return square(step, x)
        case 3.0:
            return merge(step, "multiply", square(step, x), x)
        case 4.0:
            return square(step, square(step, x))
        case 0.5:
            return step.add(Elementwise, x, function="sqrt")
        case -0.5:
            return step.add(Elementwise, x, function="rsqrt")
        case exponent:
            return step.refuse(f"Its exponent is {exponent:g}; 1, 2, 3, 4, 0.5 and -0.5 can be made of int8 operators.")


def squared_difference(step: Lowering, x: Any, y: Any) -> Tensor:
    """(x − y)²."""
    return square(step, binary(step, x, y, operation="subtract"))


def elementwise(step: Lowering, x: Tensor, *, function: str) -> Tensor:
    """A function that LiteRT has an operator for."""
    return step.add(Elementwise, x, function=function)
