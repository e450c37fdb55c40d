"""What passes between a process and the child that runs a file: JSON and arrays, and nothing that can be executed.

The child may be in the hands of a hostile file, so its messages are read like a file: every length is checked first.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.errors import ModelFileError

Arrays = Mapping[str, NDArray[Any]]

# A message is its length, the length of its JSON, the JSON, and the arrays' bytes one after the other.
HEADER = struct.Struct("<QQ")


def pack(facts: Mapping[str, Any], arrays: Arrays | None = None) -> bytes:
    """One message. Raises ModelFileError for arrays of objects, such as strings."""
    arrays = arrays or {}
    strange = next((name for name, array in arrays.items() if array.dtype.kind not in "biufc"), None)
    if strange is not None:
        raise ModelFileError(f"tensor {strange!r} holds {arrays[strange].dtype} values; only numbers can be passed on")
    listed = [[name, array.dtype.str, list(array.shape)] for name, array in arrays.items()]
    text = json.dumps({"facts": facts, "arrays": listed}).encode()
    body = b"".join((text, *(np.ascontiguousarray(array).tobytes() for array in arrays.values())))
    return HEADER.pack(len(body), len(text)) + body


def unpack(text_length: int, body: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """What `pack` was given; raises ValueError for anything else.

    >>> length, text_length = HEADER.unpack(pack({"a": 1}, {"x": np.int8([3, 4])})[:16])
    >>> unpack(text_length, pack({"a": 1}, {"x": np.int8([3, 4])})[16:])
    ({'a': 1}, {'x': array([3, 4], dtype=int8)})
    """
    content = json.loads(body[:text_length])
    if not isinstance(content, dict) or not isinstance(content.get("facts"), dict):
        raise ValueError("the message holds no facts")
    arrays, position = {}, text_length
    for name, kind, shape in content["arrays"]:
        dtype = np.dtype(str(kind))
        if dtype.kind not in "biufc" or any(not isinstance(length, int) or length < 0 for length in shape):
            raise ValueError(f"the message holds an array of {kind} {shape}")
        end = position + math.prod(shape) * dtype.itemsize
        if end > len(body):
            raise ValueError(f"the message ends within array {name!r}")
        arrays[str(name)] = np.frombuffer(body[position:end], dtype).reshape(shape)
        position = end
    return content["facts"], arrays
