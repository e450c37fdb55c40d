"""UNIDIRECTIONAL_SEQUENCE_LSTM, int8 with a 16-bit cell: one kernel, in every kernel set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.kernels import gemmlowp
from qat_kit.kernels.call import Call, Operand
from qat_kit.kernels.products import exact_matmul
from qat_kit.numerics.fixed_point import (
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    rounding_divide_by_power_of_two,
)

Codes = NDArray[np.int64]

# Operands: 1–4 input weights, 5–8 recurrent weights, 12–15 biases, each in this order.
_GATES = ("input", "forget", "cell", "output")
_OUTPUT_STATE, _CELL_STATE = 18, 19
# What none of the kernels here reads: peepholes, projection, layer normalization.
_LEFT_OUT = (9, 10, 11, 16, 17, 20, 21, 22, 23)
_INT16 = (-(1 << 15), (1 << 15) - 1)
# Gates have 3 bits before the point, and 12 behind it.
_GATE_BITS = 3


@dataclass(frozen=True, kw_only=True)
class _Gate:
    """One gate: what it adds up of the input and of the last output, each rounded on its own."""

    weights: tuple[Operand, Operand]
    biases: tuple[Codes, Codes]
    multipliers: tuple[Any, Any]

    def __call__(self, x: Codes, output: Codes) -> Codes:
        total: Codes = np.zeros((len(x), 1), np.int64)
        for codes, weights, bias, multiplier in zip(
            (x, output), self.weights, self.biases, self.multipliers, strict=True
        ):
            accumulator = exact_matmul(codes, weights.values.T) + bias
            total = np.clip(multiply_by_quantized_multiplier(accumulator, *multiplier) + total, *_INT16)
        return total


def unidirectional_sequence_lstm(call: Call) -> tuple[NDArray[Any]]:
    """A fused LSTM over a sequence, from an empty state: what an interpreter gives that was just made.

        gate = sat16(W·x + b) + sat16(R·h)                      int16, 12 bits behind the point
        cell = sat16(σ(forget)·cell + σ(input)·tanh(gate))      int16, a power of two
        h = round(σ(output)·tanh(cell) · 2⁻³⁰ / s_hidden) + zero_hidden

    x: [batch, time, features], or [time, batch, features] with `time_major`. σ and tanh are gemmlowp's of 16 bits;
    every product is rounded ties away, the multipliers are float32. The state after the last step is not kept.

    Raises NotSimulatedError for peepholes, projections, layer normalization, a coupled input gate, other types than
    int8, cells of more than 4 bits before the point, and tflite-micro.

    Source: tflite/kernels/unidirectional_sequence_lstm.cc, LstmStepInteger8x8_16 in tflite/kernels/lstm_eval.cc,
    tflite/kernels/internal/reference/portable_tensor_utils.cc.
    """
    _check(call)
    x, cell_state, hidden = call.input(0), call.input(_CELL_STATE), call.intermediates[4]
    log2 = int(np.round(np.log2(cell_state.real_scale)))
    if 15 + log2 > 4 or 2.0**log2 != cell_state.real_scale:
        raise call.refuse(f"a cell state of scale {cell_state.real_scale:g}")
    gates = [_gate_of(call, position) for position in range(len(_GATES))]
    squared = np.float32(2.0**-15 / float(hidden.scale32) * 2.0**-15)
    clip = _clip_of(call, cell_state)
    sequence = x.values if call.options.get("time_major") else x.values.swapaxes(0, 1)
    state = call.input(_OUTPUT_STATE)
    output: Codes = np.full((sequence.shape[1], state.shape[-1]), state.zero, np.int64)
    cell: Codes = np.zeros((sequence.shape[1], cell_state.shape[-1]), np.int64)
    outputs = []
    for step in sequence.astype(np.int64):
        opened, forgotten, new, shown = (gate(step, output) for gate in gates)
        kept = _product(_sigmoid(forgotten), cell, 15)
        added = _product(_sigmoid(opened), _tanh(new, _GATE_BITS), 30 + log2)
        cell = np.clip(kept + added, *_INT16)
        cell = np.clip(cell, -clip, clip) if clip > 0 else cell
        product = _sigmoid(shown) * _tanh(cell, 15 + log2)
        scaled = multiply_by_quantized_multiplier(product, *quantize_multiplier(squared)).astype(np.int64)
        output = np.clip(scaled + hidden.zero, *call.output.code_range)
        outputs.append(output)
    stacked = np.stack(outputs, axis=0 if call.options.get("time_major") else 1)
    return (stacked.reshape(call.output.shape).astype(call.output.dtype),)


def _check(call: Call) -> None:
    if call.kernel_set == "tflite_micro":
        raise call.refuse("an LSTM of its own")
    if any(call.optional(position) is not None for position in _LEFT_OUT):
        raise call.refuse("peepholes, a projection or layer normalization")
    if call.optional(1) is None:
        raise call.refuse("a coupled input gate")
    types = {call.input(0).type, call.output.type, *(call.input(position).type for position in range(1, 9))}
    if types != {"INT8"} or call.input(_CELL_STATE).type != "INT16" or len(call.intermediates) < 5:
        raise call.refuse(f"types {', '.join(sorted(types))} and a cell of {call.input(_CELL_STATE).type}")


def _gate_of(call: Call, position: int) -> _Gate:
    x, state = call.input(0), call.input(_OUTPUT_STATE)
    weights, recurrent, bias = (call.input(position + first) for first in (1, 5, 12))
    scale = np.float32(2.0**-12)
    return _Gate(
        weights=(weights, recurrent),
        biases=(
            bias.values.astype(np.int64) - x.zero * weights.values.sum(axis=1, dtype=np.int64),
            -state.zero * recurrent.values.sum(axis=1, dtype=np.int64),
        ),
        multipliers=(
            quantize_multiplier(weights.scale32 * x.scale32 / scale),
            quantize_multiplier(recurrent.scale32 * state.scale32 / scale),
        ),
    )


def _clip_of(call: Call, cell_state: Operand) -> int:
    clip = float(call.options.get("cell_clip", 0.0))
    return int(min(max(clip / cell_state.real_scale, _INT16[0]), _INT16[1]))


def _product(a: Codes, b: Codes, shift: int) -> Codes:
    return rounding_divide_by_power_of_two(a * b, shift).astype(np.int64)


def _sigmoid(x: Codes) -> Codes:
    positive = gemmlowp.one_over_one_plus(gemmlowp.exp_of_negative(-np.abs(x), _GATE_BITS, num_bits=16), num_bits=16)
    return np.where(x == 0, 1 << 14, np.where(x > 0, positive, _INT16[1] - positive))


def _tanh(x: Codes, integer_bits: int) -> Codes:
    # One integer bit more stands for the 2 of exp(−2·|x|).
    power = gemmlowp.exp_of_negative(-np.abs(x), integer_bits + 1, num_bits=16)
    return np.asarray(np.sign(x) * gemmlowp.one_minus_over_one_plus(power, num_bits=16))
