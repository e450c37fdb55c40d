"""The artifact's manifest: what a `.tflite` file is, where it comes from, how to make it again and how to try it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import pydantic
from numpy.typing import NDArray

from qat_kit.results import Record
from qat_kit.vocabulary import KernelSet, Resize, Scores, Selection, Task


class TensorInterface(Record):
    """An input or output of a file: what an app must feed and will get. `real = (code − zero_point) · scale`."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float | None = None
    zero_point: int | None = None


class FileEntry(Record):
    """One flatbuffer of an artifact. kind: int8 (fully int8, proven), float32, or the name of another scheme."""

    name: str
    kind: str
    sha256: str
    size_bytes: int


class EncodedArray(Record):
    """An array inside JSON. data: its elements in row-major order, little-endian, in base64.

    >>> EncodedArray.of(np.array([1, -1], np.int8))
    EncodedArray(dtype='int8', shape=(2,), data='Af8=')
    """

    dtype: Literal["bool", "int8", "uint8", "int16", "int32", "int64", "float16", "float32", "float64"]
    shape: tuple[pydantic.NonNegativeInt, ...]
    data: str

    @pydantic.model_validator(mode="after")
    def _check_length(self) -> Self:
        try:
            received = len(base64.b64decode(self.data, validate=True))
        except binascii.Error as error:
            raise ValueError(f"data must be base64: {error}") from None
        expected = int(np.prod(self.shape, dtype=np.int64)) * np.dtype(self.dtype).itemsize
        if received != expected:
            raise ValueError(f"{self.dtype} of shape {list(self.shape)} takes {expected} bytes, received {received}")
        return self

    @classmethod
    def of(cls, array: NDArray[Any]) -> Self:
        """The array, encoded."""
        data = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
        return cls.model_validate(
            {"dtype": array.dtype.name, "shape": array.shape, "data": base64.b64encode(data).decode("ascii")}
        )

    def array(self) -> NDArray[Any]:
        """The array, decoded."""
        dtype = np.dtype(self.dtype).newbyteorder("<")
        return np.frombuffer(base64.b64decode(self.data), dtype).reshape(self.shape).astype(self.dtype)


class GoldenAnswers(Record):
    """What each of LiteRT's kernel sets answers to the golden inputs on one architecture; as in `GoldenVectors`.

    computed_on: the processor, and whether it was emulated.
    """

    outputs: dict[KernelSet, dict[str, EncodedArray]]
    refusals: dict[KernelSet, str] = pydantic.Field(default_factory=dict)
    litert: str
    computed_on: str = ""


class GoldenVectors(Record):
    """A few inputs and what each of LiteRT's kernel sets answers, to the bit.

    origin: `calibration` (samples that set the ranges) or `synthetic` (drawn at random, no user's data). inputs: input
    name → codes as the file takes them, [samples, …]. outputs: kernel set → output name → codes. refusals: kernel set
    → why it does not run this file. litert, architecture: what computed the outputs; another may differ by a step.
    elsewhere: architecture, such as `aarch64` → what is answered there to the same inputs.
    """

    origin: Literal["calibration", "synthetic"]
    inputs: dict[str, EncodedArray]
    outputs: dict[KernelSet, dict[str, EncodedArray]]
    refusals: dict[KernelSet, str] = pydantic.Field(default_factory=dict)
    litert: str
    architecture: str
    elsewhere: dict[str, GoldenAnswers] = pydantic.Field(default_factory=dict)


class LogMel(Record):
    """A sound as logarithms of the energies in mel-spaced bands: the arguments of `datasets.log_mel`.

    num_samples: of the sound, which is cut or ends in silence. sample_rate: in Hz.
    """

    sample_rate: pydantic.PositiveInt
    num_samples: pydantic.PositiveInt
    window_s: pydantic.PositiveFloat = 0.032
    hop_s: pydantic.PositiveFloat = 0.02
    num_bands: pydantic.PositiveInt = 32
    lowest_hz: pydantic.PositiveFloat = 60.0
    floor: pydantic.PositiveFloat = 1e-5


class Words(Record):
    """A text as numbers of its words: those that `pattern` finds in lower case, by their place in `vocabulary` + 2.

    An unknown word is 1, and 0 stands behind the last; longer texts are cut.
    """

    pattern: str
    vocabulary: tuple[str, ...]


class Preprocessing(Record):
    """How samples became the model's input, so that an app does the same: `input = (value − mean) / std`.

    kind: image (values of the decoded file, 0 to 255), audio (samples of the wav file, −1 to 1) or arrays (values in
    their own units). log_mel, words: what is done to a sound or a text before. mean, std: one number, or one a channel.
    resize: `stretch` to the model's size, or `crop`, the largest rectangle of its shape in the middle. sample_rate: in
    Hz.
    """

    kind: Literal["arrays", "image", "audio"] = "arrays"
    mean: tuple[pydantic.FiniteFloat, ...] = (0.0,)
    std: tuple[pydantic.PositiveFloat, ...] = (1.0,)
    resize: Resize = "stretch"
    color_space: Literal["rgb", "grayscale"] | None = None
    sample_rate: pydantic.PositiveInt | None = None
    log_mel: LogMel | None = None
    words: Words | None = None


class Calibration(Record):
    """The samples that set the ranges of activations, and how.

    indices: their places in the source; empty where the source was taken as it came (or `selection` is `all`).
    num_candidates: how many there were to choose from, None where that is not known. sha256: of the arrays as the
    model takes them. estimator: what made ranges of them.
    """

    sha256: str
    num_samples: int
    indices: tuple[int, ...] = ()
    selection: Selection = "all"
    num_candidates: int | None = None
    estimator: str = "min_max"
    source: str | None = None
    preprocessing: Preprocessing = Preprocessing()


class Manifest(Record):
    """What a `.tflite` file is, where it comes from and how to make it again (`manifest.json`).

    scores: what the output holds (logits, probabilities, values). calibration: None for a scheme without ranges.
    determinism: the mode that makes the same seed give the same bytes. versions: of all that had a part in it.
    The certificate is bound to the file by `files[0].sha256`, and to this manifest by `certificate_sha256`.
    """

    format_version: Literal[2] = 2
    name: str
    description: str = ""
    task: Task | None
    scores: Scores
    files: tuple[FileEntry, ...] = pydantic.Field(min_length=1)
    inputs: tuple[TensorInterface, ...]
    outputs: tuple[TensorInterface, ...]
    class_names: tuple[str, ...] = ()
    scheme: str
    target: str
    seed: int
    determinism: str
    settings: dict[str, pydantic.JsonValue]
    calibration: Calibration | None
    golden: GoldenVectors | None = None
    certificate_sha256: str
    versions: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """The flatbuffer and its manifest, as files in one folder."""

    path: Path
    manifest: Manifest


def encode_all(arrays: Mapping[str, NDArray[Any]]) -> dict[str, EncodedArray]:
    """Each array encoded, by its name."""
    return {name: EncodedArray.of(array) for name, array in arrays.items()}


def decode_all(arrays: Mapping[str, EncodedArray]) -> dict[str, NDArray[Any]]:
    """Each array decoded, by its name."""
    return {name: encoded.array() for name, encoded in arrays.items()}
