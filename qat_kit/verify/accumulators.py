"""Sums of products fit the integers that the kernels keep them in, whatever the input."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qat_kit.litert.records import Tensor
from qat_kit.results import Finding
from qat_kit.verify.subject import INTEGER_RANGES, Demand, Step, Subject

_INT32 = (-(1 << 31), (1 << 31) - 1)
# What LiteRT requantizes 64-bit sums from (MultiplyByQuantizedMultiplier in tflite/kernels/internal/common.cc).
_INT48 = (-(1 << 47), (1 << 47) - 1)

_REMEDY = (
    "lower the weights or the bias of this channel in training (weight decay, a norm constraint), or give the layer "
    "fewer inputs a channel"
)


@dataclass(frozen=True)
class Bounds:
    """The lowest and highest sum of each channel: of the products alone, and with the bias. Exact, int64."""

    lowest: NDArray[np.int64]
    highest: NDArray[np.int64]


def accumulators(subject: Subject) -> tuple[Finding, ...]:
    """Weighted operators whose sum can leave the kernel's accumulator for some input."""
    return tuple(_overflows(subject))


def _overflows(subject: Subject) -> Iterator[Finding]:
    for step in subject.steps():
        for bias_at, data_at, weight_at in step.spec.bias_products if step.spec else ():
            data, weight = step.operand(data_at), step.operand(weight_at)
            if data is None or weight is None or data.type not in INTEGER_RANGES or weight.type not in INTEGER_RANGES:
                continue
            bias = step.operand(bias_at)
            limits = _INT48 if _is_wide(step, data, bias) else _INT32
            found = sums(step, data, weight, bias, within=limits)
            if found is not None:
                yield step.finding(_in_words(found, limits), _REMEDY, weight)
    for step in subject.steps():
        if step.operator.op == "BATCH_MATMUL":
            yield from _of_two_activations(step)


def sums(step: Step, data: Tensor, weight: Tensor, bias: Tensor | None, *, within: tuple[int, int]) -> Bounds | None:
    """The bounds of `Σ (x − zero_point) · w + bias` for each channel where they leave `within`; None where they stay.

    x may be any code of its type, so that with w₊ the sum of positive weights and w₋ that of negative ones

        highest = w₊ · (x_max − zero_point) + w₋ · (x_min − zero_point)
        lowest  = w₊ · (x_min − zero_point) + w₋ · (x_max − zero_point)

    Sums on the way to the last one lie between the same bounds, since each product may also be 0, with the bias added
    at either end. A transposed convolution adds to one output only the weights whose place has the same remainder by
    the stride: each remainder is a sum of its own.
    """
    low, high = (code - int(data.zero_point[0]) if data.zero_point.size else code for code in INTEGER_RANGES[data.type])
    low, high = min(low, 0), max(high, 0)
    offset = _bias(bias)
    limit = min(-within[0], within[1]) - int(np.abs(offset).max(initial=0))
    if _count(step, weight) * max(-low, high) * _largest(weight) <= limit:
        return None
    positive, negative = _signed_sums(step, weight)
    highest, lowest = positive * high + negative * low, positive * low + negative * high
    bounds = Bounds(lowest + np.minimum(offset, 0), highest + np.maximum(offset, 0))
    inside = (bounds.lowest >= within[0]).all() and (bounds.highest <= within[1]).all()
    return None if inside else bounds


def _signed_sums(step: Step, weight: Tensor) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sums of the positive and of the negative weights that one output adds up: [..., channels]."""
    if weight.data is None or weight.is_sparse:
        # Not in the file, so that each of them may be as large as its type.
        full = np.asarray(_count(step, weight) * _largest(weight), np.int64)
        return full, -full
    axis = (step.spec.weight_axis if step.spec else None) or 0
    values = np.moveaxis(weight.data, axis, -1).astype(np.int64)
    if weight.zero_point.any():
        values = values - weight.zero_point
    if step.operator.op == "TRANSPOSE_CONV":
        rows, columns = (int(step.operator.options.get(f"stride_{side}", 1)) for side in "hw")
        parts = [values[row::rows, column::columns] for row in range(rows) for column in range(columns)]
    else:
        parts = [values]
    axes = tuple(range(values.ndim - 1))
    positive = np.stack([np.maximum(part, 0).sum(axis=axes) for part in parts])
    return positive, np.stack([np.minimum(part, 0).sum(axis=axes) for part in parts])


def _of_two_activations(step: Step) -> Iterator[Finding]:
    """BATCH_MATMUL sums its depth in 32 bits (64 beside int16), and both sides may be any code."""
    left, right = step.operand(0), step.operand(1)
    if left is None or right is None or left.type not in ("INT8", "UINT8") or not left.shape:
        return
    depth = left.shape[-2 if step.operator.options.get("adj_x") and len(left.shape) > 1 else -1]
    highest = depth * _largest(left) * _largest(right)
    if highest > _INT32[1]:
        yield step.finding(
            f"can sum {depth} products to {highest}, and its accumulator ends at {_INT32[1]}",
            "split the multiplied dimension in two and add the halves",
        )


def _count(step: Step, weight: Tensor) -> int:
    """How many weights a channel has."""
    axis = (step.spec.weight_axis if step.spec else None) or 0
    return int(np.prod([length for position, length in enumerate(weight.shape) if position != axis], dtype=np.int64))


def _largest(tensor: Tensor) -> int:
    """The largest |code − zero_point| of a tensor's type."""
    low, high = INTEGER_RANGES[tensor.type]
    zeros = tensor.zero_point if tensor.zero_point.size else np.zeros(1, np.int64)
    return max(high - int(zeros.min()), int(zeros.max()) - low)


def _bias(bias: Tensor | None) -> NDArray[np.int64]:
    if bias is None or bias.data is None or bias.type not in ("INT32", "INT64"):
        return np.zeros(1, np.int64)
    return np.asarray(bias.data.reshape(-1).astype(np.int64))


def _is_wide(step: Step, data: Tensor, bias: Tensor | None) -> bool:
    """Whether the kernel sums in 64 bits: beside 16-bit activations, unless bias or options say 32."""
    if data.type != "INT16":
        return False
    narrow = bias is not None and bias.type == "INT32"
    return not narrow and step.operator.options.get("quantized_bias_type") != "INT32"


def _in_words(bounds: Bounds, limits: tuple[int, int]) -> str:
    # Channels run along the last axis; before it stand the places of a transposed convolution.
    beyond = np.maximum(bounds.highest - limits[1], limits[0] - bounds.lowest)
    worst = np.unravel_index(int(np.argmax(beyond)), beyond.shape)
    low, high = int(bounds.lowest[worst]), int(bounds.highest[worst])
    channel = f" in channel {int(worst[-1])}" if worst else ""
    return f"can sum to {low} … {high}{channel}, and its accumulator holds {limits[0]} … {limits[1]}"


DEMANDS = (
    Demand(
        name="accumulators",
        rule="no input makes the sum of a channel, bias included, leave the accumulator: 32 bits, or the 48 that "
        "requantization takes beside int16 activations; bounds from the weights in the file",
        find=accumulators,
    ),
)
