"""What a kernel is given, `Call`, and what it is: a function from a call to the codes of its outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from qat_kit.errors import NotSimulatedError
from qat_kit.vocabulary import SimulatedKernelSet

# The codes that an integer tensor may hold, by the schema's name of its type.
CODE_RANGES: Mapping[str, tuple[int, int]] = {
    "INT4": (-8, 7),
    "INT8": (-128, 127),
    "UINT8": (0, 255),
    "INT16": (-(1 << 15), (1 << 15) - 1),
    "INT32": (-(1 << 31), (1 << 31) - 1),
    "INT64": (-(1 << 63), (1 << 63) - 1),
}
_DTYPES: Mapping[str, str] = {
    "INT4": "int8",
    **{name: name.lower() for name in ("BOOL", "INT8", "UINT8", "INT16", "INT32", "INT64", "FLOAT32")},
}


def _no_scale() -> NDArray[np.float32]:
    return np.zeros(0, np.float32)


def _no_zero_point() -> NDArray[np.int64]:
    return np.zeros(0, np.int64)


@dataclass(frozen=True, kw_only=True, eq=False)
class Operand:
    """One tensor of a call.

    type: as in the schema ("INT8", "INT16", "INT32", "FLOAT32", …). shape: as in the file. codes: its values; None for
    an output. scale: float32, empty where the tensor is not quantized, else one entry, or one per index of
    `quantized_dimension`. zero_point: int64, as long as scale. is_constant: the file holds the values, which decides
    whether XNNPACK takes some ops.
    """

    type: str
    shape: tuple[int, ...]
    codes: NDArray[Any] | None = None
    scale: NDArray[np.float32] = field(default_factory=_no_scale)
    zero_point: NDArray[np.int64] = field(default_factory=_no_zero_point)
    quantized_dimension: int = 0
    is_constant: bool = False

    @property
    def values(self) -> NDArray[Any]:
        """The codes; NotSimulatedError where there are none."""
        if self.codes is None:
            raise NotSimulatedError(f"a tensor {self.type} {list(self.shape)} that the kernel reads has no values")
        return self.codes

    @property
    def scale32(self) -> np.float32:
        """The one scale of a tensor quantized as a whole, in float32 as the file has it."""
        if self.scale.size != 1:
            raise NotSimulatedError(
                f"a tensor {self.type} {list(self.shape)} must have one scale, found {self.scale.size}"
            )
        return np.float32(self.scale[0])

    @property
    def real_scale(self) -> float:
        """The one scale of a tensor quantized as a whole, in double precision."""
        return float(self.scale32)

    @property
    def zero(self) -> int:
        """The one zero point of a tensor quantized as a whole; 0 where the file states none."""
        return int(self.zero_point[0]) if self.zero_point.size else 0

    @property
    def code_range(self) -> tuple[int, int]:
        """Lowest and highest code that the type holds."""
        if self.type not in CODE_RANGES:
            raise NotSimulatedError(f"{self.type} is no integer type; the kernels here compute with integers")
        return CODE_RANGES[self.type]

    @property
    def dtype(self) -> np.dtype[Any]:
        """What NumPy keeps the values in."""
        if self.type not in _DTYPES:
            raise NotSimulatedError(f"tensors of type {self.type} are not simulated")
        return np.dtype(_DTYPES[self.type])


@dataclass(frozen=True, kw_only=True, eq=False)
class Call:
    """One operator at work: what a kernel reads.

    op: the builtin's name ("CONV_2D"). options: by the schema's names in snake case, as plain numbers, names, lists.
    inputs: None where an optional operand is left out. outputs: operands without codes. kernel_set: what the
    interpreter was told to use; under "xnnpack" a kernel computes what XNNPACK does where it takes the op, and what the
    builtin kernel does where it leaves it. version: of the op. intermediates: tensors that only carry the scales of
    what a fused LSTM keeps within.

    >>> x = Operand(type="INT8", shape=(2,), codes=np.array([1, 2], np.int8))
    >>> call = Call(op="RESHAPE", inputs=(x,), outputs=(Operand(type="INT8", shape=(1, 2)),), kernel_set="reference")
    >>> call.fused_activation, call.input(0).values.tolist()
    ('NONE', [1, 2])
    """

    op: str
    inputs: tuple[Operand | None, ...]
    outputs: tuple[Operand, ...]
    kernel_set: SimulatedKernelSet
    options: Mapping[str, Any] = field(default_factory=dict)
    version: int = 1
    intermediates: tuple[Operand, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether LiteRT's reference kernels run: under "reference", and in tflite-micro, which has them too."""
        return self.kernel_set in ("reference", "tflite_micro")

    @property
    def fused_activation(self) -> str:
        """The activation that the op applies to its result: "NONE", "RELU", "RELU6", …"""
        return str(self.options.get("fused_activation_function", "NONE"))

    @property
    def output(self) -> Operand:
        """The first output."""
        return self.outputs[0]

    def input(self, position: int) -> Operand:
        """An operand that must be there; NotSimulatedError where it is not."""
        operand = self.optional(position)
        if operand is None:
            raise NotSimulatedError(f"{self.op} without input {position} is not simulated")
        return operand

    def optional(self, position: int) -> Operand | None:
        """An operand that may be left out."""
        return self.inputs[position] if position < len(self.inputs) else None

    def on(self, kernel_set: SimulatedKernelSet) -> Call:
        """The same call on another kernel set: what XNNPACK leaves runs on "builtin"."""
        return replace(self, kernel_set=kernel_set)

    def refuse(self, what: str) -> NotSimulatedError:
        """The error for a type or an option that no kernel here computes.

        >>> Call(op="MUL", inputs=(), outputs=(), kernel_set="builtin").refuse("int32 operands")
        NotSimulatedError('MUL with int32 operands is not simulated on kernel set builtin; the runtime itself runs it')
        """
        return NotSimulatedError(
            f"{self.op} with {what} is not simulated on kernel set {self.kernel_set}; the runtime itself runs it"
        )


# One array an output, each of the output's own type and shape.
Kernel: TypeAlias = Callable[[Call], tuple[NDArray[Any], ...]]
