"""Convolutions, pools and resizing as functions: the layers of the same name."""

from __future__ import annotations

from typing import Any

import numpy as np
import tf_keras

from qat_kit.prepare.operations.lowering import Lowering, Tensor, constant

_layers = tf_keras.layers

_POOLS = {
    "max": {3: _layers.MaxPooling1D, 4: _layers.MaxPooling2D, 5: _layers.MaxPooling3D},
    "average": {3: _layers.AveragePooling1D, 4: _layers.AveragePooling2D, 5: _layers.AveragePooling3D},
}
_CONVOLUTIONS = {3: _layers.Conv1D, 4: _layers.Conv2D, 5: _layers.Conv3D}


def resize(step: Lowering, images: Tensor, size: Any, method: Any = "bilinear", data_format: Any = None) -> Tensor:
    """Another height and width, pixels at their centres."""
    _require_channels_last(step, data_format)
    if step.rank(images) != 4:
        step.refuse("Its images must be [batch, height, width, channels].")
    height, width = (int(number) for number in np.asarray(constant(size)).reshape(-1))
    return step.add(
        _layers.Resizing,
        images,
        height=height,
        width=width,
        interpolation=str(getattr(method, "value", method)).lower(),
    )


def pool(
    step: Lowering,
    x: Tensor,
    size: Any,
    strides: Any = None,
    padding: Any = "valid",
    data_format: Any = None,
    *,
    function: str,
) -> Tensor:
    """The max or average of windows."""
    _require_channels_last(step, data_format)
    rank = step.rank(x)
    window = _window(step, size, rank)
    return step.add(
        _POOLS[function][rank],
        x,
        pool_size=window,
        strides=window if strides is None else _window(step, strides, rank),
        padding=_padding(step, padding),
    )


def convolution(
    step: Lowering,
    x: Tensor,
    kernel: Any,
    strides: Any = 1,
    padding: Any = "valid",
    data_format: Any = None,
    dilations: Any = 1,
) -> Tensor:
    """With a constant kernel [… sizes, inputs, outputs]."""
    weights = _kernel(step, kernel)
    return step.add(
        _CONVOLUTIONS[step.rank(x)],
        x,
        filters=weights.shape[-1],
        kernel_size=weights.shape[:-2],
        groups=step.size(x, -1) // weights.shape[-2],
        weights=[weights],
        **_sliding(step, x, strides, padding, data_format, dilations),
    )


def depthwise_convolution(
    step: Lowering,
    x: Tensor,
    kernel: Any,
    strides: Any = 1,
    padding: Any = "valid",
    data_format: Any = None,
    dilations: Any = 1,
) -> Tensor:
    """With a constant kernel [height, width, channels, multiplier]."""
    weights = _kernel(step, kernel)
    if step.rank(x) != 4:
        step.refuse("Its images must be [batch, height, width, channels].")
    return step.add(
        _layers.DepthwiseConv2D,
        x,
        kernel_size=weights.shape[:2],
        depth_multiplier=weights.shape[-1],
        weights=[weights],
        **_sliding(step, x, strides, padding, data_format, dilations),
    )


def _sliding(step: Lowering, x: Tensor, strides: Any, padding: Any, data_format: Any, dilations: Any) -> dict[str, Any]:
    """What convolutions have in common."""
    _require_channels_last(step, data_format)
    return {
        "strides": _window(step, strides, step.rank(x)),
        "padding": _padding(step, padding),
        "dilation_rate": _window(step, 1 if dilations is None else dilations, step.rank(x)),
        "use_bias": False,
    }


def bias_add(step: Lowering, x: Tensor, bias: Any, data_format: Any = None) -> Tensor:
    """A constant a channel."""
    _require_channels_last(step, data_format)
    if isinstance(bias, Tensor):
        step.refuse("Its bias is computed by the model; use Add.")
    return step.affine(x, 1.0, constant(bias))


def _kernel(step: Lowering, kernel: Any) -> Any:
    return (
        step.refuse("Its kernel is computed by the model; use a constant.")
        if isinstance(kernel, Tensor)
        else constant(kernel)
    )


def _require_channels_last(step: Lowering, data_format: Any) -> None:
    if data_format is not None and (str(data_format) != "channels_last" and not str(data_format).endswith("C")):
        step.refuse(f"Its data_format is {data_format!r}; put channels last.")


def _padding(step: Lowering, padding: Any) -> str:
    name = str(padding).lower()
    return name if name in ("valid", "same") else step.refuse(f"Its padding is {padding!r}; use VALID or SAME.")


def _window(step: Lowering, value: Any, rank: int) -> tuple[int, ...]:
    """One number for each spatial axis; TensorFlow also takes one for every axis."""
    numbers = [int(number) for number in np.atleast_1d(constant(value))]
    if len(numbers) == rank:
        if numbers[0] != 1 or numbers[-1] != 1:
            step.refuse(f"It works on the batch or the channels: {numbers}.")
        numbers = numbers[1:-1]
    if len(numbers) == 1:
        numbers *= rank - 2
    return tuple(numbers)
