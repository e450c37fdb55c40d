"""Weights of four bits, two to a byte: `pack_weights`."""

from __future__ import annotations

import copy
from collections.abc import Collection
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

# The version of each operator that first reads INT4 weights beside int8 activations. DEPTHWISE_CONV_2D has one too, 7,
# which LiteRT's reference set lacks: such a file could not be held to it, for the sake of the smallest kernels of all.
# Source: tflite/converter/tools/versioning/op_version.cc, GetBuiltinOperatorVersion; tflite/kernels/register_ref.cc.
PACKED_VERSIONS = {"CONV_2D": 7, "FULLY_CONNECTED": 10}
_LARGEST_CODE = 7


def pack_weights(model: Any, readers: Collection[tuple[str, Any, Any]]) -> bool:
    """Packs weights whose codes are all within ±7, where every operator that reads them can; whether any was.

    model: of the schema's objects. readers: (operator's name, operator, weight tensor) of int8 weights that are to be
    packed, and of all that read the same; another name than that of a convolution or dense layer leaves them as they
    are.
    """
    by_tensor: dict[int, list[tuple[str, Any, Any]]] = {}
    for reader in readers:
        by_tensor.setdefault(id(reader[2]), []).append(reader)
    packed = False
    for group in by_tensor.values():
        weight = group[0][2]
        codes = np.asarray(model.buffers[weight.buffer].data, np.uint8).view(np.int8)
        if (
            any(name not in PACKED_VERSIONS for name, *_ in group)
            or np.abs(codes.astype(np.int16)).max() > _LARGEST_CODE
        ):
            continue
        # Other tensors may share the buffer.
        buffer = schema.BufferT()
        buffer.data = packed_bytes(codes)
        model.buffers.append(buffer)
        weight.buffer = len(model.buffers) - 1
        weight.type = schema.TensorType.INT4
        for name, operator, _ in group:
            operator.opcodeIndex = _code_of_version(model, operator.opcodeIndex, PACKED_VERSIONS[name])
        packed = True
    return packed


def packed_bytes(codes: NDArray[np.int8]) -> NDArray[np.uint8]:
    """Codes two to a byte, the first in its lower half; an odd one is alone in the last byte.

    Source: tflite/kernels/internal/portable_tensor_utils.h, UnpackPackedIntToInt8.

    >>> [hex(byte) for byte in packed_bytes(np.array([1, -1, 7], np.int8))]
    ['0xf1', '0x7']
    """
    nibbles = codes.reshape(-1).view(np.uint8) & 0x0F
    even = np.pad(nibbles, (0, len(nibbles) % 2))
    return np.asarray(even[0::2] | even[1::2] << 4, np.uint8)


def _code_of_version(model: Any, index: int, version: int) -> int:
    """The place of the same operator at this version or above, which is added where it is missing."""
    code = model.operatorCodes[index]
    if code.version >= version:
        return index
    for place, other in enumerate(model.operatorCodes):
        if other.builtinCode == code.builtinCode and other.version == version:
            return place
    newer = copy.copy(code)
    newer.version = version
    model.operatorCodes.append(newer)
    return len(model.operatorCodes) - 1


def drop_unread(model: Any) -> None:
    """Empties the buffers that nothing reads any more, and takes out operator codes that no operator has.

    Buffers keep their numbers, since tensors and metadata count from the first.
    """
    read = {tensor.buffer for graph in model.subgraphs for tensor in graph.tensors or ()}
    read |= {entry.buffer for entry in model.metadata or ()}
    for index, buffer in enumerate(model.buffers):
        if index not in read:
            buffer.data = None
    used = sorted({operator.opcodeIndex for graph in model.subgraphs for operator in graph.operators or ()})
    places = {old: new for new, old in enumerate(used)}
    model.operatorCodes = [model.operatorCodes[index] for index in used]
    for graph in model.subgraphs:
        for operator in graph.operators or ():
            operator.opcodeIndex = places[operator.opcodeIndex]
