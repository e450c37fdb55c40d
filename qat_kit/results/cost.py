"""What a file costs besides time: size, products, memory traffic, energy."""

from __future__ import annotations

from typing import Literal

import pydantic

from qat_kit.results.record import Record


class TensorSize(Record):
    """What one constant tensor takes in the file.

    gzip_bytes: of its bytes alone. num_distinct: how many different values its elements have. effective_bits: of an
    element, when the tensor is compressed.
    """

    name: str
    type: str
    num_elements: int
    stored_bytes: int
    gzip_bytes: int
    zeros: float
    num_distinct: int
    effective_bits: float


class SizeLedger(Record):
    """Where a file's bytes are. overhead_bytes: what is no tensor's: names, shapes, scales, options, padding.

    num_weights: elements of all constants but biases and shapes (int32, int64). bits_per_weight: as stored;
    effective_bits_per_weight: compressed, which is what a download takes. notes: what pruning or codebooks have, or
    have not, made smaller.
    """

    size_bytes: int
    gzip_bytes: int
    overhead_bytes: int
    num_weights: int
    bits_per_weight: float
    effective_bits_per_weight: float
    tensors: tuple[TensorSize, ...]
    notes: tuple[str, ...] = ()


class OperatorCost(Record):
    """One operator of one inference. bytes_read, bytes_written: each operand and result passed once."""

    index: int
    op: str
    output: str
    macs: int
    parameters: int
    bytes_read: int
    bytes_written: int


class EnergyEstimate(Record):
    """An estimate, not a measurement: published energies of single operations times how often each is done.

    compute_uj: products and sums. sram_uj, dram_uj: moving every operand once from a 1 MiB memory on the chip, or from
    memory outside it. low_uj, high_uj: compute with either. source: of the energies, with the process node.
    """

    compute_uj: float
    sram_uj: float
    dram_uj: float
    source: str

    @property
    def low_uj(self) -> float:
        """With everything on the chip."""
        return self.compute_uj + self.sram_uj

    @property
    def high_uj(self) -> float:
        """With everything outside it."""
        return self.compute_uj + self.dram_uj


class Memory(Record):
    """What a file takes while it runs, in KiB.

    arena_bytes: its activations as LiteRT lays them out; None for a graph of too many tensors. init_kib, overall_kib:
    what a fresh process grew by when the file was loaded, and when it had run. peak_kib: the most that the process had
    resident, Python included.
    """

    arena_bytes: int | None
    init_kib: int
    overall_kib: int
    peak_kib: int


class EthosU(Record):
    """An inference on an Arm Ethos-U, as Arm's compiler Vela estimates it; cycles of the accelerator's clock.

    npu_cycles: of computing alone; cycles: with what memory makes it wait for. system, memory_mode: Vela's own names.
    npu_operators, cpu_operators: what runs on the accelerator, and what is left to the CPU, whose time is not counted.
    """

    accelerator: str
    system: str
    memory_mode: str
    cycles: int
    npu_cycles: int
    inference_ms: float
    clock_mhz: float
    sram_kib: float
    flash_kib: float
    npu_operators: int
    cpu_operators: int


class Cost(Record):
    """What a file costs on any machine; `memory` where it was run, `ethos_u` where it was asked for."""

    format_version: Literal[1] = 1
    sha256: str
    size: SizeLedger
    macs: int
    parameters: int
    bytes_moved: int
    energy: EnergyEstimate
    operators: tuple[OperatorCost, ...]
    memory: Memory | None = None
    ethos_u: EthosU | None = None
    notes: tuple[str, ...] = pydantic.Field(default=())
