"""Recurrent cells as plain data, and one step of each as nodes.

In these formulas · is a product of matrices, ⊙ of elements; W, U and b are kernel, recurrent kernel and bias.

    SimpleRNN            h' = tanh(W·x + U·h + b)
    LSTM                 i, f, g, o = parts of W·x + U·h + b
                         c' = σ(f)⊙c + σ(i)⊙tanh(g)
                         h' = σ(o)⊙tanh(c')
    GRU                  z, r = σ(parts of W·x + U·h + b)
      reset_after        n = tanh(W·x + b + r⊙(U·h + b_h))
      not reset_after    n = tanh(W·x + b + U·(r⊙h))
                         h' = n + z⊙(h − n)

tanh stands for the layer's `activation`, σ for its `recurrent_activation`. W·x + b of all steps is one product, made
before. A state that is zero (the first step's) costs nothing: what it would multiply is left out.

Sources: Hochreiter & Schmidhuber 1997, Neural Computation 9(8); Cho et al. 2014, arXiv:1406.1078 (reset after:
Chung et al. 2014, arXiv:1412.3555, as cuDNN computes it).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tf_keras
from numpy.typing import NDArray

from qat_kit.layers import StridedSlice
from qat_kit.prepare.parts import Parts, Tensor

_layers = tf_keras.layers

State = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell with its weights.

    config: of the Keras layer or cell. kernel: [features, gates · units]. bias: beside it; None where there is none.
    recurrent: [units, gates · units]. recurrent_bias: what is added to U·h apart from `bias`, None where nothing is.
    shares: under which name the calls of the recurrent kernel are one layer.
    """

    config: Mapping[str, Any]
    kernel: NDArray[Any]
    bias: NDArray[Any] | None
    recurrent: NDArray[Any]
    recurrent_bias: NDArray[Any] | None
    shares: str

    num_states = 1

    @property
    def units(self) -> int:
        return int(self.config["units"])

    def step(self, parts: Parts, inputs: StepInputs, state: State | None, roles: Roles) -> State:
        """The nodes of one step; the new state, the output first."""
        raise NotImplementedError

    def project(self, parts: Parts, sequence: str, *, part: str) -> Tensor:
        """W·x + b of all steps, [steps, gates · units]."""
        units = self.kernel.shape[-1]
        weights = self.input_weights()
        return parts.add(_layers.Dense, sequence, part=part, weights=weights, units=units, **self.of_input())

    def input_weights(self) -> tuple[NDArray[Any], ...]:
        """W, and b where there is one."""
        return (self.kernel,) if self.bias is None else (self.kernel, self.bias)

    def of_input(self) -> dict[str, Any]:
        """What the layer that applies the input's kernel takes over from the cell's configuration."""
        keys = ("kernel_regularizer", "kernel_constraint", "bias_regularizer", "bias_constraint")
        return {"use_bias": self.bias is not None, **{key: self.config[key] for key in keys}}

    def of_recurrent(self) -> dict[str, Any]:
        """The same for the recurrent kernel."""
        return {f"kernel_{end}": self.config[f"recurrent_{end}"] for end in ("regularizer", "constraint")}

    def activated(self, parts: Parts, role: str, tensor: Tensor, key: str) -> Tensor:
        """The cell's `activation` or `recurrent_activation`."""
        activation = self.config[key]
        if activation in (None, "linear"):
            return tensor
        return parts.add(_layers.Activation, tensor, part=role, activation=activation)

    def recurrent_product(self, parts: Parts, role: str, state: str, columns: slice = slice(None)) -> Tensor:
        """U·h (of some columns of U), one layer for all steps."""
        kernel = self.recurrent[:, columns]
        bias = None if self.recurrent_bias is None else self.recurrent_bias[columns]
        config = {"units": kernel.shape[1], "use_bias": bias is not None, **self.of_recurrent()}
        weights = (kernel,) if bias is None else (kernel, bias)
        shares = f"{self.shares}_{columns.start}" if columns.start else self.shares
        return parts.add(_layers.Dense, state, part=role, weights=weights, shares=shares, **config)


@dataclass(frozen=True, kw_only=True)
class StepInputs:
    """W·x + b of all steps, [steps, …, gates · units], and which step is meant."""

    sequence: str
    step: int

    def part(self, parts: Parts, role: str, start: int, stop: int) -> Tensor:
        """Columns of this step, […, stop − start]."""
        batch, _, *place, _ = parts.shape(self.sequence)
        whole: list[tuple[int | None, ...]] = [(None, None, None)] * len(place)
        return parts.add(
            StridedSlice,
            self.sequence,
            part=role,
            shape=(batch, *place, stop - start),
            slices=[(self.step, self.step + 1, 1), *whole, (start, stop, 1)],
            squeezed_axes=[1],
        )


@dataclass(frozen=True, kw_only=True)
class Roles:
    """How the parts of one step are called. output: the role of the new output."""

    step: str
    output: str

    def __call__(self, role: str) -> str:
        return f"{self.step}_{role}"


class SimpleCell(Cell):
    """Elman's cell."""

    def step(self, parts: Parts, inputs: StepInputs, state: State | None, roles: Roles) -> State:
        total = inputs.part(parts, roles("input"), 0, self.units)
        if state is not None:
            product = self.recurrent_product(parts, roles("recurrent"), state[0])
            total = parts.add(_layers.Add, total, product, part=roles("sum"))
        return (self.activated(parts, roles.output, total, "activation"),)


class LSTMCell(Cell):
    """The gates are in Keras' order i, f, g, o; all four are put through σ, which spares a slice and costs nothing."""

    num_states = 2

    def step(self, parts: Parts, inputs: StepInputs, state: State | None, roles: Roles) -> State:
        units = self.units
        total = inputs.part(parts, roles("input"), 0, 4 * units)
        if state is not None:
            product = self.recurrent_product(parts, roles("recurrent"), state[0])
            total = parts.add(_layers.Add, total, product, part=roles("sum"))
        gates = self.activated(parts, roles("gates"), total, "recurrent_activation")
        candidate = parts.slice(total, 2 * units, 3 * units, part=roles("candidate_sum"))
        candidate = self.activated(parts, roles("candidate"), candidate, "activation")
        input_gate = parts.slice(gates, 0, units, part=roles("input_gate"))
        cell = parts.add(_layers.Multiply, input_gate, candidate, part=roles("added"))
        if state is not None:
            forget_gate = parts.slice(gates, units, 2 * units, part=roles("forget_gate"))
            kept = parts.add(_layers.Multiply, forget_gate, state[1], part=roles("kept"))
            cell = parts.add(_layers.Add, kept, cell, part=roles("cell"))
        output_gate = parts.slice(gates, 3 * units, 4 * units, part=roles("output_gate"))
        seen = self.activated(parts, roles("seen"), cell, "activation")
        return parts.add(_layers.Multiply, output_gate, seen, part=roles.output), cell


class GRUCell(Cell):
    """The gates are in Keras' order z, r, n. `recurrent_bias` is the one of n, behind zeros (reset_after)."""

    def step(self, parts: Parts, inputs: StepInputs, state: State | None, roles: Roles) -> State:
        units, after = self.units, self.config["reset_after"]
        # Where U·h has a part for n, all three parts are added and put through σ, which spares slices.
        size = 3 * units if after and state is not None else 2 * units
        total = inputs.part(parts, roles("input"), 0, size)
        product = Tensor()
        if state is not None:
            product = self.recurrent_product(parts, roles("recurrent"), state[0], slice(0, size))
            total = parts.add(_layers.Add, total, product, part=roles("sum"))
        gates = self.activated(parts, roles("gates"), total, "recurrent_activation")
        update = parts.slice(gates, 0, units, part=roles("update_gate"))
        candidate = inputs.part(parts, roles("candidate_input"), 2 * units, 3 * units)
        reset = Tensor()
        if state is not None or self.recurrent_bias is not None:
            reset = parts.slice(gates, units, 2 * units, part=roles("reset_gate"))
        if state is not None and after:
            past = parts.slice(product, 2 * units, 3 * units, part=roles("past"))
            past = parts.add(_layers.Multiply, reset, past, part=roles("reset_past"))
        elif state is not None:
            past = parts.add(_layers.Multiply, reset, state[0], part=roles("reset_state"))
            past = self.recurrent_product(parts, roles("past"), past, slice(2 * units, 3 * units))
        elif self.recurrent_bias is not None:
            bias = np.asarray(self.recurrent_bias[2 * units :], np.float64)
            past = parts.affine(reset, bias, part=roles("reset_past"))
        else:
            past = Tensor()
        if past:
            candidate = parts.add(_layers.Add, candidate, past, part=roles("candidate_sum"))
        candidate = self.activated(parts, roles("candidate"), candidate, "activation")
        if state is None:
            kept = parts.add(_layers.Multiply, update, candidate, part=roles("kept"))
            return (parts.add(_layers.Subtract, candidate, kept, part=roles.output),)
        change = parts.add(_layers.Subtract, state[0], candidate, part=roles("change"))
        change = parts.add(_layers.Multiply, update, change, part=roles("kept"))
        return (parts.add(_layers.Add, candidate, change, part=roles.output),)
