"""Activation functions, each to the layer of it, with the arguments that only the function takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import tf_keras

from qat_kit.layers import Elementwise
from qat_kit.prepare.operations.lowering import Lowering, Tensor, constant

_layers = tf_keras.layers


def activation(step: Lowering, x: Tensor, *, name: str) -> Tensor:
    """An activation without arguments, as tf_keras names it."""
    return step.add(_layers.Activation, x, activation=name, shape=step.shape(x))


def relu(step: Lowering, x: Tensor, negative_slope: Any = 0.0, max_value: Any = None, threshold: Any = 0.0) -> Tensor:
    """max(x, 0), with the three arguments of Keras."""
    arguments = {"negative_slope": negative_slope, "max_value": max_value, "threshold": threshold}
    numbers: dict[str, Any] = {
        key: None if value is None else float(constant(value)) for key, value in arguments.items()
    }
    return step.add(_layers.ReLU, x, shape=step.shape(x), **numbers)


def leaky_relu(step: Lowering, x: Tensor, alpha: Any = 0.2) -> Tensor:
    """x, or alpha · x below zero."""
    return step.add(_layers.LeakyReLU, x, alpha=float(constant(alpha)), shape=step.shape(x))


def elu(step: Lowering, x: Tensor, alpha: Any = 1.0) -> Tensor:
    """x, or alpha · (exp(x) − 1) below zero."""
    return step.add(_layers.ELU, x, alpha=float(constant(alpha)), shape=step.shape(x))


def softmax(step: Lowering, x: Tensor, axis: Any = None) -> Tensor:
    """Along one axis, the last where none is named."""
    number = step.axis(-1 if axis is None else axis, step.rank(x))
    return step.add(_layers.Softmax, x, axis=number, shape=step.shape(x))


def log_softmax(step: Lowering, x: Tensor, axis: Any = None) -> Tensor:
    """Along the last axis."""
    if axis is not None and step.axis(axis, step.rank(x)) != step.rank(x) - 1:
        step.refuse(f"Its axis is {axis}; LOG_SOFTMAX works along the last one. Transpose before and behind it.")
    return activation(step, x, name="log_softmax")


def silu(step: Lowering, x: Tensor, beta: Any = 1.0) -> Tensor:
    """x · sigmoid(beta · x)."""
    scale = float(constant(beta))
    if scale == 1.0:
        return activation(step, x, name="swish")
    return step.add(_layers.Multiply, x, activation(step, step.affine(x, scale), name="sigmoid"))


def gelu(step: Lowering, x: Tensor, approximate: Any = False) -> Tensor:
    """With the error function, or with tanh in its place: what was asked for, never the one for the other."""
    if not approximate:
        return activation(step, x, name="gelu")
    # 0.5 · x · (1 + tanh(sqrt(2 / pi) · (x + 0.044715 · x³))), Hendrycks and Gimpel 2016, arXiv:1606.08415.
    return step.add(Elementwise, x, function="gelu_tanh")


def hard_sigmoid(step: Lowering, x: Tensor) -> Tensor:
    """relu6(x + 3) / 6, as Keras 3 defines it; that of tf_keras is clip(0.2 · x + 0.5, 0, 1)."""
    return step.affine(relu(step, step.affine(x, 1.0, 3.0), max_value=6.0), 1.0 / 6.0)


def hard_silu(step: Lowering, x: Tensor) -> Tensor:
    """x · relu6(x + 3) / 6, the hard swish."""
    return step.add(_layers.Multiply, x, hard_sigmoid(step, x))


def clip(step: Lowering, x: Tensor, minimum: Any, maximum: Any) -> Tensor:
    """x within two constants: a ReLU with a largest value, moved to where the smallest is zero."""
    if isinstance(minimum, Tensor) or isinstance(maximum, Tensor):
        step.refuse("Its bounds must be constants.")
    low, high = constant(minimum), constant(maximum)
    if low.size != 1 or high.size != 1:
        step.refuse("Its bounds must be one number each.")
    bottom, top = float(low.reshape(())), float(high.reshape(()))
    if not np.isfinite([bottom, top]).all() or bottom >= top:
        step.refuse(f"Its bounds are {bottom:g} and {top:g}; expected two finite numbers, the smaller one first.")
    if bottom == 0.0:
        return relu(step, x, max_value=top)
    return step.affine(relu(step, step.affine(x, 1.0, -bottom), max_value=top - bottom), 1.0, bottom)
