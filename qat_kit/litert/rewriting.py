"""A `.tflite` file changed after it was made: `rewritten`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from qat_kit.litert.model_file import IDENTIFIER

_ALIGNMENT = 16


class _AlignedBuilder(flatbuffers.Builder):  # type: ignore[misc]  # it has no types
    """Python's builder does not know the schema's `force_align: 16` for the data of buffers; this one keeps it.

    An int32 bias at an odd address is a hard fault on a Cortex-M0.
    """

    def StartVector(self, elemSize: int, numElems: int, alignment: int) -> Any:  # noqa: N802, N803  # flatbuffers' names
        return super().StartVector(elemSize, numElems, _ALIGNMENT if elemSize == 1 else alignment)


def rewritten(content: bytes, change: Callable[[schema.ModelT], None]) -> bytes:
    """The file with a change made to it through the schema's own objects; whatever followed the flatbuffer is gone.

    The same bytes and change give the same bytes. The file must have been read by `read_model`: nothing is checked.

    Source: schema.fbs, `table Buffer`; https://flatbuffers.dev/languages/python (object API).
    """
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    change(model)
    return serialized(model)


def serialized(model: schema.ModelT) -> bytes:
    """The file of a model of the schema's objects, every buffer's data at a multiple of 16 bytes."""
    builder = _AlignedBuilder(1024)
    builder.Finish(model.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())


def attach(model: schema.ModelT, name: str, value: bytes) -> None:
    """Puts a named value into the model's metadata, in the place of one of that name."""
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(value, np.uint8)
    entries = model.metadata or []
    for entry in entries:
        if entry.name == name.encode():
            model.buffers[entry.buffer] = buffer
            return
    model.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name, entry.buffer = name, len(model.buffers) - 1
    model.metadata = [*entries, entry]


def detach(model: schema.ModelT, name: str) -> None:
    """Takes a named value out of the model's metadata; its buffer stays, empty, since others count from it."""
    for entry in model.metadata or []:
        if entry.name == name.encode():
            model.buffers[entry.buffer] = schema.BufferT()
    model.metadata = [entry for entry in model.metadata or [] if entry.name != name.encode()]
