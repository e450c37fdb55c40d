"""Means, sums, extremes and what is made of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import tf_keras

from qat_kit.layers import Elementwise, Reduce
from qat_kit.prepare.operations.lowering import Lowering, Tensor, constant


def reduce(step: Lowering, x: Tensor, axis: Any = None, keepdims: Any = False, *, function: str) -> Tensor:
    """function over the axes: mean, sum, max or min."""
    return _reduce(step, x, _axes(step, x, axis), bool(keepdims), function)


def variance(step: Lowering, x: Tensor, axis: Any = None, keepdims: Any = False) -> Tensor:
    """The mean of the squared distance from the mean."""
    axes = _axes(step, x, axis)
    return _variance(step, x, axes, bool(keepdims), _reduce(step, x, axes, True, "mean"))


def deviation(step: Lowering, x: Tensor, axis: Any = None, keepdims: Any = False) -> Tensor:
    """The square root of the variance."""
    return step.add(Elementwise, variance(step, x, axis, keepdims), function="sqrt")


def moments(step: Lowering, x: Tensor, axes: Any, keepdims: Any = False) -> list[Tensor]:
    """[mean, variance]."""
    numbers = _axes(step, x, axes)
    mean = _reduce(step, x, numbers, True, "mean")
    result = mean if keepdims else _reduce(step, x, numbers, False, "mean")
    return [result, _variance(step, x, numbers, bool(keepdims), mean)]


def unit_norm(step: Lowering, x: Tensor, axis: Any = None, epsilon: Any = 1e-12) -> Tensor:
    """x / sqrt(max(sum(x²), epsilon)); the epsilon is that of the layer."""
    if float(constant(epsilon)) != 1e-12:
        step.refuse(f"Its epsilon is {epsilon}; the layer UnitNormalization has 1e-12.")
    axes = _axes(step, x, axis)
    return step.add(tf_keras.layers.UnitNormalization, x, axis=axes[0] if len(axes) == 1 else axes, shape=step.shape(x))


def norm(step: Lowering, x: Tensor, axis: Any = None, keepdims: Any = False) -> Tensor:
    """sqrt(sum(x²)), the Euclidean length."""
    axes = _axes(step, x, axis)
    squares = step.add(tf_keras.layers.Multiply, x, x)
    return step.add(Elementwise, _reduce(step, squares, axes, bool(keepdims), "sum"), function="sqrt")


def _axes(step: Lowering, x: Tensor, axis: Any) -> list[int]:
    """The axes of x in ascending order; all of them where none is named, which takes in the batch and is refused."""
    rank = step.rank(x)
    numbers = range(rank) if axis is None else np.asarray(constant(axis)).reshape(-1).tolist()
    return sorted({step.axis(number, rank) for number in numbers})


def _reduce(step: Lowering, x: Tensor, axes: list[int], keepdims: bool, function: str) -> Tensor:
    if not axes:
        return x
    sizes = [1 if axis in axes else size for axis, size in enumerate(step.shape(x)) if keepdims or axis not in axes]
    return step.add(Reduce, x, function=function, axes=axes, keepdims=keepdims, shape=sizes)


def _variance(step: Lowering, x: Tensor, axes: list[int], keepdims: bool, mean: Tensor) -> Tensor:
    distance = step.add(tf_keras.layers.Subtract, x, mean)
    return _reduce(step, step.add(tf_keras.layers.Multiply, distance, distance), axes, keepdims, "mean")
