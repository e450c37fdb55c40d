"""What training used of each tensor (`tensors.json`)."""

from __future__ import annotations

from typing import Literal, Self

import pydantic

from qat_kit.results.record import Record


class TrainedTensor(Record):
    """The quantization parameters that training used for one tensor.

    scale: float32 values, one per tensor or per channel. zero_point: as many. layer: the Keras layer.
    sha256: of the integer weights in the file's own layout and byte order, unpacked to int8; None where not recorded.
    """

    scale: tuple[float, ...] = pydantic.Field(min_length=1)
    zero_point: tuple[int, ...]
    num_bits: int
    layer: str
    sha256: str | None = None

    @pydantic.model_validator(mode="after")
    def _check_lengths(self) -> Self:
        if len(self.scale) != len(self.zero_point):
            raise ValueError(f"{len(self.scale)} scales need as many zero points, received {len(self.zero_point)}")
        return self


class TrainedTensors(Record):
    """What training hands to the certificate (`tensors.json`): Keras layer → its output, its weights, its bias.

    biases: real numbers, one an output channel. tables: of embeddings, by the call that reads them: a table that is
    shared has the parameters of each place.
    """

    format_version: Literal[1] = 1
    outputs: dict[str, TrainedTensor] = pydantic.Field(default_factory=dict)
    weights: dict[str, TrainedTensor] = pydantic.Field(default_factory=dict)
    biases: dict[str, tuple[pydantic.FiniteFloat, ...]] = pydantic.Field(default_factory=dict)
    tables: dict[str, TrainedTensor] = pydantic.Field(default_factory=dict)
