"""What a `.tflite` file says of itself: the TFLite metadata that MediaPipe, ML Kit and the support library read.

Source: mediapipe/tasks/metadata/metadata_schema.fbs, version 1.5.0; fields are counted from 0 in each table.
"""

from __future__ import annotations

import io
import struct
import zipfile
from typing import Literal

from qat_kit.errors import ModelFileError
from qat_kit.litert.flatbuffer import FlatBuffer, Table
from qat_kit.litert.records import ModelFile
from qat_kit.results import Record

# What Model.metadata calls it, and what its bytes 4 to 7 are.
ENTRY = "TFLITE_METADATA"
IDENTIFIER = b"M001"

Content = Literal["feature", "image", "bounding_box", "audio"]
ColorSpace = Literal["rgb", "grayscale"]
FileKind = Literal[
    "unknown", "descriptions", "axis_labels", "value_labels", "score_calibration", "vocabulary", "scann_index"
]
# In the order of the schema's numbers; unions count from 1.
CONTENTS: tuple[Content, ...] = ("feature", "image", "bounding_box", "audio")
COLOR_SPACES: tuple[ColorSpace, ...] = ("rgb", "grayscale")
FILE_KINDS: tuple[FileKind, ...] = (
    *("unknown", "descriptions", "axis_labels", "value_labels"),
    *("score_calibration", "vocabulary", "scann_index"),
)
NORMALIZATION = 1


class AssociatedFile(Record):
    """A file that goes with a tensor or the model; its content is in a zip archive at the end of the `.tflite` file."""

    name: str
    description: str = ""
    kind: FileKind = "unknown"


class TensorDescription(Record):
    """An input or output, in the file's order.

    content: what the values are; None where it is not said. mean, std: an app feeds `(value − mean) / std`, one number
    or one a channel; empty where nothing is said. minimum, maximum: of the values. sample_rate: in Hz.
    """

    name: str = ""
    description: str = ""
    content: Content | None = None
    color_space: ColorSpace | None = None
    sample_rate: int | None = None
    channels: int | None = None
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    minimum: tuple[float, ...] = ()
    maximum: tuple[float, ...] = ()
    files: tuple[AssociatedFile, ...] = ()

    @property
    def line(self) -> str:
        """The tensor for people."""
        normalized = ""
        if self.mean or self.std:
            mean, std = (" ".join(f"{value:g}" for value in values) for values in (self.mean, self.std))
            normalized = f"(value − {mean}) / {std}"
        kind = " ".join(filter(None, (self.color_space, self.content)))
        rate = f"{self.sample_rate} Hz" if self.sample_rate else ""
        names = " ".join(file.name for file in self.files)
        return f"{self.name}: {', '.join(filter(None, (kind, rate, normalized, self.description, names)))}"


class Description(Record):
    """The whole of it. minimum_parser: the oldest version of the schema whose readers understand every field."""

    name: str = ""
    description: str = ""
    version: str = ""
    author: str = ""
    license: str = ""
    inputs: tuple[TensorDescription, ...] = ()
    outputs: tuple[TensorDescription, ...] = ()
    files: tuple[AssociatedFile, ...] = ()
    minimum_parser: str = ""

    @property
    def lines(self) -> tuple[str, ...]:
        """The description for people."""
        facts = {"by": self.author, "version": self.version, "license": self.license}
        texts = (self.name, *self.description.splitlines(), *(f"{key} {text}" for key, text in facts.items() if text))
        inputs = (f"input {tensor.line}" for tensor in self.inputs)
        outputs = (f"output {tensor.line}" for tensor in self.outputs)
        return tuple(filter(None, (*texts, *inputs, *outputs)))


def description_of(model: ModelFile) -> Description | None:
    """What the file says of itself; None where it says nothing.

    Raises ModelFileError where its metadata is damaged or of another format.
    """
    stored = model.attachments.get(ENTRY)
    return None if stored is None else decode(stored.tobytes())


def decode(data: bytes) -> Description:
    """The description that the bytes hold; raises ModelFileError where they hold none."""
    if data[4:8] != IDENTIFIER:
        raise ModelFileError(f"{ENTRY} must have {IDENTIFIER!r} in bytes 4 to 7, found {data[4:8]!r}")
    try:
        root = FlatBuffer(data).root()
        subgraphs = root.tables(3, "subgraph_metadata")
        main = subgraphs[0] if subgraphs else None
        return Description(
            name=_text(root, 0),
            description=_text(root, 1),
            version=_text(root, 2),
            author=_text(root, 4),
            license=_text(root, 5),
            inputs=() if main is None else tuple(map(_tensor, main.tables(2, "input_tensor_metadata"))),
            outputs=() if main is None else tuple(map(_tensor, main.tables(3, "output_tensor_metadata"))),
            files=_files(root, 6),
            minimum_parser=_text(root, 7),
        )
    except ModelFileError as error:
        raise ModelFileError(f"{ENTRY} is damaged: {error}") from None


def archived_files(content: bytes) -> dict[str, str]:
    """Name → size and checksum of each file of the archive behind the FlatBuffer, as the archive's directory has them.

    Empty where there is no archive that can be read.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {entry.filename: f"{entry.file_size:,} bytes, CRC {entry.CRC:08x}" for entry in archive.infolist()}
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, struct.error):
        return {}


def _text(table: Table, number: int) -> str:
    return table.text(number, f"field {number} of {table.what}") or ""


def _numbers(table: Table, number: int) -> tuple[float, ...]:
    found = table.numbers(number, "float32", f"field {number} of {table.what}")
    if found is None:
        return ()
    table.buffer.spend(len(found), table.what)
    return tuple(found.tolist())


def _files(table: Table, number: int) -> tuple[AssociatedFile, ...]:
    return tuple(
        AssociatedFile(
            name=_text(entry, 0),
            description=_text(entry, 1),
            kind=FILE_KINDS[kind] if 0 <= (kind := int(entry.scalar(2, "b", 0))) < len(FILE_KINDS) else "unknown",
        )
        for entry in table.tables(number, f"associated_files of {table.what}")
    )


def _tensor(table: Table) -> TensorDescription:
    content, color_space, sample_rate, channels = None, None, None, None
    if (holder := table.table(3, f"content of {table.what}")) is not None:
        kind = int(holder.scalar(0, "B", 0))
        content = CONTENTS[kind - 1] if 1 <= kind <= len(CONTENTS) else None
        properties = holder.table(1, f"content_properties of {table.what}")
        if properties is not None and content == "image":
            space = int(properties.scalar(0, "b", 0))
            color_space = COLOR_SPACES[space - 1] if 1 <= space <= len(COLOR_SPACES) else None
        if properties is not None and content == "audio":
            sample_rate, channels = int(properties.scalar(0, "I", 0)), int(properties.scalar(1, "I", 0))
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    for unit in table.tables(4, f"process_units of {table.what}"):
        options = unit.table(1, f"options of {unit.what}")
        if options is not None and int(unit.scalar(0, "B", 0)) == NORMALIZATION:
            mean, std = _numbers(options, 0), _numbers(options, 1)
    stats = table.table(5, f"stats of {table.what}")
    return TensorDescription(
        name=_text(table, 0),
        description=_text(table, 1),
        content=content,
        color_space=color_space,
        sample_rate=sample_rate,
        channels=channels,
        mean=mean,
        std=std,
        maximum=() if stats is None else _numbers(stats, 0),
        minimum=() if stats is None else _numbers(stats, 1),
        files=_files(table, 6),
    )
