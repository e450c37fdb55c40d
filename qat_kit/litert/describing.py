"""Writing what a `.tflite` file says of itself: `described`, the other end of `description`."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence

import flatbuffers
import numpy as np

from qat_kit.litert.description import (
    COLOR_SPACES,
    CONTENTS,
    ENTRY,
    FILE_KINDS,
    IDENTIFIER,
    NORMALIZATION,
    AssociatedFile,
    Description,
    TensorDescription,
)
from qat_kit.litert.rewriting import attach, detach, rewritten

# What a field is written with: its number, and an offset or a number.
_Offsets = Mapping[int, int | None]
# The oldest date of the format, so that the same files give the same bytes at any time.
_NO_DATE = (1980, 1, 1, 0, 0, 0)


def described(content: bytes, description: Description, files: Mapping[str, bytes]) -> bytes:
    """A `.tflite` file with the description in it, and a zip archive of the files at its end.

    files: name → content; stored, since MediaPipe reads no compressed ones (mediapipe/tasks/cc/metadata/utils/
    zip_utils.cc). A description that was there before is replaced. `minimum_parser` is found here.
    """
    value = encode(description.model_copy(update={"minimum_parser": _minimum_parser(description)}))
    result = io.BytesIO(rewritten(content, lambda model: attach(model, ENTRY, value)))
    if files:
        # Behind what is there: the offsets of the archive count from the first byte of the `.tflite` file.
        with zipfile.ZipFile(result, "a", zipfile.ZIP_STORED) as archive:
            for name, data in files.items():
                entry = zipfile.ZipInfo(name, _NO_DATE)
                entry.create_system = 3
                archive.writestr(entry, data)
    return result.getvalue()


def bare(content: bytes) -> bytes:
    """A `.tflite` file without its description and the archive behind it."""
    return rewritten(content, lambda model: detach(model, ENTRY))


def encode(description: Description) -> bytes:
    """The description as a FlatBuffer."""
    builder = flatbuffers.Builder(1024)
    subgraph = _table(
        builder,
        {
            2: _tables(builder, [_tensor(builder, tensor) for tensor in description.inputs]),
            3: _tables(builder, [_tensor(builder, tensor) for tensor in description.outputs]),
        },
    )
    root = _table(
        builder,
        {
            0: _text(builder, description.name),
            1: _text(builder, description.description),
            2: _text(builder, description.version),
            3: _tables(builder, [subgraph]),
            4: _text(builder, description.author),
            5: _text(builder, description.license),
            6: _files(builder, description.files),
            7: _text(builder, description.minimum_parser),
        },
    )
    builder.Finish(root, IDENTIFIER)
    return bytes(builder.Output())


def _minimum_parser(description: Description) -> str:
    """By the schema's history: AudioProperties came with 1.3.0, VOCABULARY with 1.0.1, SCANN_INDEX_FILE with 1.4.0."""
    tensors = (*description.inputs, *description.outputs)
    files = (*description.files, *(file for tensor in tensors for file in tensor.files))
    kinds = {file.kind for file in files}
    if "scann_index" in kinds:
        return "1.4.0"
    if any(tensor.content == "audio" for tensor in tensors):
        return "1.3.0"
    return "1.0.1" if "vocabulary" in kinds else "1.0.0"


def _tensor(builder: flatbuffers.Builder, tensor: TensorDescription) -> int:
    content = None
    if tensor.content is not None:
        small = {}
        if tensor.color_space is not None:
            small[0] = ("Int8", COLOR_SPACES.index(tensor.color_space) + 1)
        if tensor.content == "audio":
            small = {0: ("Uint32", tensor.sample_rate or 0), 1: ("Uint32", tensor.channels or 0)}
        properties = _table(builder, {}, small)
        content = _table(builder, {1: properties}, {0: ("Uint8", CONTENTS.index(tensor.content) + 1)})
    units = None
    if tensor.mean or tensor.std:
        options = _table(builder, {0: _floats(builder, tensor.mean), 1: _floats(builder, tensor.std)})
        units = _tables(builder, [_table(builder, {1: options}, {0: ("Uint8", NORMALIZATION)})])
    stats = None
    if tensor.minimum or tensor.maximum:
        stats = _table(builder, {0: _floats(builder, tensor.maximum), 1: _floats(builder, tensor.minimum)})
    return _table(
        builder,
        {
            0: _text(builder, tensor.name),
            1: _text(builder, tensor.description),
            3: content,
            4: units,
            5: stats,
            6: _files(builder, tensor.files),
        },
    )


def _files(builder: flatbuffers.Builder, files: Sequence[AssociatedFile]) -> int | None:
    entries = [
        _table(
            builder,
            {0: _text(builder, file.name), 1: _text(builder, file.description)},
            {2: ("Int8", FILE_KINDS.index(file.kind))},
        )
        for file in files
    ]
    return _tables(builder, entries) if entries else None


def _table(
    builder: flatbuffers.Builder, offsets: _Offsets, numbers: Mapping[int, tuple[str, int]] | None = None
) -> int:
    """A table of offsets to what is written already, and of small numbers; None leaves a field out."""
    numbers = numbers or {}
    builder.StartObject(max((*offsets, *numbers), default=-1) + 1)
    for slot, offset in offsets.items():
        if offset is not None:
            builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
    for slot, (kind, number) in numbers.items():
        getattr(builder, f"Prepend{kind}Slot")(slot, number, 0)
    return int(builder.EndObject())


def _tables(builder: flatbuffers.Builder, tables: Sequence[int]) -> int:
    builder.StartVector(4, len(tables), 4)
    for table in reversed(tables):
        builder.PrependUOffsetTRelative(table)
    return int(builder.EndVector())


def _text(builder: flatbuffers.Builder, text: str) -> int | None:
    return int(builder.CreateString(text)) if text else None


def _floats(builder: flatbuffers.Builder, values: Sequence[float]) -> int:
    return int(builder.CreateNumpyVector(np.asarray(values, np.float32)))
