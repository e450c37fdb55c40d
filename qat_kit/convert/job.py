"""What the caller asks of the converting process."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from qat_kit.results import Record
from qat_kit.vocabulary import IoType

Mode = Literal[
    "float32",
    "float16",
    "dynamic_range",
    "int8_from_qat",
    "int16x8_from_qat",
    "int8_post_training",
    "int16x8_post_training",
]

POST_TRAINING: tuple[Mode, ...] = ("int8_post_training", "int16x8_post_training")
# What each mode can take and give; the first is the default.
INTERFACES: dict[Mode, tuple[IoType, ...]] = {
    "float32": ("float32",),
    "float16": ("float32",),
    "dynamic_range": ("float32",),
    "int8_from_qat": ("int8", "uint8", "float32"),
    "int16x8_from_qat": ("int16", "float32"),
    "int8_post_training": ("int8", "uint8", "float32"),
    "int16x8_post_training": ("int16", "float32"),
}


class Job(Record):
    """One conversion. representative: an .npz with an array for each input, for the post-training modes alone.

    trained: a `TrainedTensors` file, whose weights the converted file is to hold; packed_ops: the operators that hold
    them two to a byte where they have four bits.
    num_operators: convert only so many of the graph's operators, to find the one on which the converter dies.
    """

    saved_model: Path
    output: Path
    mode: Mode
    interface: IoType = "int8"
    representative: Path | None = None
    trained: Path | None = None
    packed_ops: tuple[str, ...] = ()
    num_operators: int | None = None
