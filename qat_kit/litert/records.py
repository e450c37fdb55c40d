"""What a `.tflite` file holds, as plain records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

# How many bits an element takes in the file. What is missing has no fixed width (STRING, RESOURCE, VARIANT).
TYPE_BITS: Mapping[str, int] = {
    **dict.fromkeys(("INT2",), 2),
    **dict.fromkeys(("INT4", "UINT4"), 4),
    **dict.fromkeys(("INT8", "UINT8", "BOOL", "FLOAT8_E4M3FN", "FLOAT8_E5M2"), 8),
    **dict.fromkeys(("INT16", "UINT16", "FLOAT16", "BFLOAT16"), 16),
    **dict.fromkeys(("INT32", "UINT32", "FLOAT32"), 32),
    **dict.fromkeys(("INT64", "UINT64", "FLOAT64", "COMPLEX64"), 64),
    **dict.fromkeys(("COMPLEX128",), 128),
}
FLOAT_TYPES = frozenset(
    {"FLOAT16", "BFLOAT16", "FLOAT32", "FLOAT64", "FLOAT8_E4M3FN", "FLOAT8_E5M2", "COMPLEX64", "COMPLEX128"}
)
# NumPy has no bfloat16 and no float8: their bits are given as unsigned integers.
_DTYPES: Mapping[str, str] = {
    "BFLOAT16": "uint16",
    "FLOAT8_E4M3FN": "uint8",
    "FLOAT8_E5M2": "uint8",
    **{name: name.lower() for name in ("INT8", "UINT8", "BOOL", "INT16", "UINT16", "INT32", "UINT32", "INT64")},
    **{name: name.lower() for name in ("UINT64", "FLOAT16", "FLOAT32", "FLOAT64", "COMPLEX64", "COMPLEX128")},
}


@dataclass(frozen=True, eq=False)
class Tensor:
    """One tensor of a subgraph.

    shape: `()` for a scalar and for an unknown rank. shape_signature: the shape with −1 where it may change.
    type: as in the schema ("INT8", "FLOAT32", …). scale: float32, empty where the tensor is not quantized, one entry
    per tensor or per index of `quantized_dimension`. zero_point: int64, as long as scale. blockwise: the scales are
    in another tensor (`details` of the schema), not in `scale`. num_constant_bytes: 0 where there are no constants.
    buffer: the number of the buffer that holds the values; several tensors may share one, and 0 is empty.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    shape_signature: tuple[int, ...]
    type: str
    scale: NDArray[np.float32]
    zero_point: NDArray[np.int64]
    quantized_dimension: int
    is_variable: bool = False
    is_sparse: bool = False
    blockwise: bool = False
    buffer: int = 0
    _constant: NDArray[np.uint8] | None = field(default=None, repr=False)

    @property
    def is_constant(self) -> bool:
        """Whether the file holds the tensor's values."""
        return self._constant is not None

    @property
    def num_constant_bytes(self) -> int:
        """What the values take in the file."""
        return 0 if self._constant is None else self._constant.size

    @property
    def stored_bytes(self) -> bytes:
        """The values as the file holds them, packed; empty where it holds none."""
        return b"" if self._constant is None else self._constant.tobytes()

    @property
    def is_float(self) -> bool:
        """Whether the elements are floating-point or complex numbers."""
        return self.type in FLOAT_TYPES

    @cached_property
    def data(self) -> NDArray[Any] | None:
        """The values that the file holds, in the shape of the tensor; None where it holds none.

        Packed 4-bit and 2-bit elements come unpacked, as int8 or uint8. Sparse tensors, and those without a fixed
        width (STRING), come as they are stored: flat. The array cannot be written to.
        """
        if self._constant is None:
            return None
        bits = TYPE_BITS.get(self.type)
        if bits is None:
            return self._constant
        count = int(np.prod(self.shape, dtype=np.int64))
        if bits < 8:
            values = unpack_bits(self._constant, bits, signed=self.type.startswith("INT"))
            values = values if self.is_sparse else values[:count]
        else:
            values = self._constant.view(np.dtype(_DTYPES[self.type]).newbyteorder("<"))
        return values if self.is_sparse else values.reshape(self.shape)


@dataclass(frozen=True)
class Operator:
    """One step of a subgraph.

    op: the builtin's name ("CONV_2D"), or a custom op's own name. inputs, outputs: tensor indices, −1 where an
    optional operand is left out. options: the op's options by the schema's names in snake case, as plain numbers, names
    and lists; of a custom op's own only how many bytes they are. intermediates: tensors that only carry the scales of
    what a recurrent cell computes within.
    """

    index: int
    op: str
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Any]
    intermediates: tuple[int, ...] = ()
    is_custom: bool = False

    @property
    def fused_activation(self) -> str:
        """The activation that the op applies to its result: "NONE", "RELU", "RELU6", …"""
        return str(self.options.get("fused_activation_function", "NONE"))


@dataclass(frozen=True)
class Subgraph:
    """One graph: tensors, and the operators in the order in which they run."""

    index: int
    name: str
    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def input_of(self, operator: Operator, position: int) -> Tensor | None:
        """The operand at a position; None where the op has none there."""
        if position >= len(operator.inputs) or operator.inputs[position] < 0:
            return None
        return self.tensors[operator.inputs[position]]


@dataclass(frozen=True)
class Signature:
    """Named inputs and outputs of one subgraph: name → tensor index."""

    key: str
    subgraph: int
    inputs: Mapping[str, int]
    outputs: Mapping[str, int]


@dataclass(frozen=True)
class ModelFile:
    """A whole `.tflite` file. metadata: names of what is attached; attachments: the bytes of each, by its name."""

    version: int
    description: str
    subgraphs: tuple[Subgraph, ...]
    signatures: tuple[Signature, ...]
    metadata: tuple[str, ...]
    size_bytes: int
    sha256: str
    attachments: Mapping[str, NDArray[np.uint8]] = field(default_factory=dict)


def unpack_bits(packed: NDArray[np.uint8], num_bits: int, *, signed: bool) -> NDArray[Any]:
    """Elements of 2 or 4 bits, the lowest bits of each byte first; returns int8 or uint8, flat.

    Source: tflite/kernels/internal/portable_tensor_utils.h, UnpackPackedIntToInt8.

    >>> unpack_bits(np.array([0x1F, 0x87], np.uint8), 4, signed=True).tolist()
    [-1, 1, 7, -8]
    """
    shifts = np.arange(0, 8, num_bits, dtype=np.uint8)
    # Pushed to the top of the byte and back down: an arithmetic shift carries the sign along.
    codes = (packed[:, None] >> shifts << np.uint8(8 - num_bits)).astype(np.uint8)
    codes = codes.view(np.int8) if signed else codes
    values = np.asarray(codes >> (8 - num_bits)).reshape(-1)
    values.setflags(write=False)
    return values
