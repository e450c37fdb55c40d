"""What is said of an int8 file's layers, as records."""

from __future__ import annotations

from typing import Literal

from qat_kit.results import Record
from qat_kit.vocabulary import KernelSet


class LayerError(Record):
    """How far the int8 result of a layer is from the float one, what came before it included.

    histogram_lsb: error in steps of the layer's scale, rounded → share of elements; ±8 stands for all beyond.
    saturated: share of float values that the range cuts off by more than half a step. range_use: share of the codes
    between the lowest and the highest that occur. remedy: what to try; empty where nothing stands out.
    """

    layer: str
    op: str
    index: int
    sqnr_db: float
    cosine: float
    histogram_lsb: dict[int, float]
    saturated: float
    range_use: float
    remedy: str


class DropSplit(Record):
    """The signal-to-noise ratio of the model's outputs, in dB, with only a part of it quantized.

    The reference is the same model without quantizers: the trained weights, not those before fine-tuning.
    """

    weights_only_db: float
    activations_only_db: float
    both_db: float


class Trial(Record):
    """One change to one layer (or to all: `layer` is empty), tried in the simulated model.

    sqnr_db: of the model's outputs with the change. gain_db: over the model as it is. how: how to have it in a file.
    """

    layer: str
    change: str
    sqnr_db: float
    gain_db: float
    how: str


class Trials(Record):
    """What the quantization of each layer costs the outputs, and what changes would bring.

    costs_db: layer → how much better the outputs are where it alone stays float, the costliest first.
    """

    num_samples: int
    split: DropSplit
    costs_db: dict[str, float]
    trials: tuple[Trial, ...]


class LayerComparison(Record):
    """Every layer that both files have, the worst first. unpaired: results of the int8 file with no float twin."""

    format_version: Literal[2] = 2
    num_samples: int
    kernel_set: KernelSet
    layers: tuple[LayerError, ...]
    unpaired: tuple[str, ...]
    trials: Trials | None = None
