"""How many instructions one inference takes on an emulated processor: `count_instructions`.

qemu writes a line for every block of instructions that runs, and the blocks themselves once. Only LiteRT's libraries
and C's mathematics are watched: Python starts on C's memory, too, and a line for each of those takes minutes. They are
counts, and no times.
"""

from __future__ import annotations

import fcntl
import os
import re
import select
import struct
import tempfile
import termios
import threading
import time
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.errors import DeviceError
from qat_kit.litert.child import Limits, Machine
from qat_kit.litert.sandbox import SandboxedRuntime
from qat_kit.vocabulary import KernelSet

# Between one inference at a call and two, all else is the same.
_TRIES = 4
_WATCHED = re.compile(r"/(ai_edge_litert/[^/]+\.so|libm\.so\.6)$")
_RUN = re.compile(rb"^Trace \d+: 0x[0-9a-f]+ \[[0-9a-f]+/([0-9a-f]+)/")
_INSTRUCTION = re.compile(rb"^0x([0-9a-f]+):")


class BlockLog:
    """What qemu logs, read as it comes, line by line.

    >>> log = BlockLog()
    >>> run = b"Trace 0: 0x7f [0/0040/1/2] "
    >>> for line in [b"IN: ", b"0x40: a", b"0x44: b", b"", run, run]:
    ...     log.add(line)
    >>> log.num_instructions(log.runs)
    4
    """

    def __init__(self) -> None:
        self.runs: Counter[int] = Counter()
        self._lengths: dict[int, int] = {}
        self._block: int | None = None
        self._awaits_block = False

    def add(self, line: bytes) -> None:
        """Takes one line."""
        run = _RUN.match(line)
        if run is not None:
            self.runs[int(run[1], 16)] += 1
            return
        instruction = _INSTRUCTION.match(line)
        if instruction is None:
            self._awaits_block = line.startswith(b"IN:")
            return
        if self._awaits_block:
            # A block that is translated anew starts its count again.
            self._block, self._awaits_block = int(instruction[1], 16), False
            self._lengths[self._block] = 0
        if self._block is not None:
            self._lengths[self._block] += 1

    def num_instructions(self, runs: Counter[int]) -> int:
        """Instructions of blocks that ran so often; raises DeviceError for a block that was never seen."""
        unseen = next((block for block in runs if block not in self._lengths), None)
        if unseen is not None:
            raise DeviceError(f"qemu ran a block at {unseen:#x} whose instructions it did not log")
        return sum(count * self._lengths[block] for block, count in runs.items())


class _Reader:
    """Reads a pipe into a log in a thread of its own; `settled` waits until nothing is left in the pipe."""

    def __init__(self, path: Path) -> None:
        self.log = BlockLog()
        self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self._lock, self._rest, self._ends = threading.Lock(), b"", False
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        while not self._ends:
            if not select.select([self._descriptor], [], [], 0.05)[0]:
                continue
            with self._lock:
                try:
                    data = os.read(self._descriptor, 1 << 20)
                except BlockingIOError:
                    continue
                *lines, self._rest = (self._rest + data).split(b"\n")
                for line in lines:
                    self.log.add(line)
            if not data:  # nobody writes yet, or any more
                time.sleep(0.02)

    def settled(self) -> Counter[int]:
        """What ran up to now; the process must be waiting, since qemu writes a line before it runs the block."""
        while True:
            with self._lock:
                left = struct.unpack("i", fcntl.ioctl(self._descriptor, termios.FIONREAD, b"\0" * 4))[0]
                if not left:
                    return self.log.runs.copy()
            time.sleep(0.005)

    def close(self) -> None:
        self._ends = True
        self._thread.join()
        os.close(self._descriptor)


def count_instructions(
    machine_with: Callable[[tuple[str, ...]], Machine],
    content: bytes,
    inputs: dict[int, NDArray[Any]],
    *,
    kernel_set: KernelSet,
    limits: Limits,
) -> int:
    """Instructions of one inference of a file on one thread.

    machine_with: the machine with more options of qemu's. inputs: tensor index → codes of the tensor's own shape.
    Raises DeviceError where they cannot be counted, ModelFileError where the kernel set does not run the file.
    """
    ranges = _watched_ranges(machine_with(()), content, inputs, kernel_set, limits)
    with tempfile.TemporaryDirectory() as folder:
        pipe = Path(folder) / "log"
        os.mkfifo(pipe)
        reader = _Reader(pipe)
        options = ("-d", "exec,nochain,in_asm", "-dfilter", ",".join(ranges), "-D", str(pipe))
        try:
            runtime = _started(machine_with(options), content, inputs, kernel_set, limits)
            try:
                if _ranges_of(runtime.process_id) != ranges:
                    raise DeviceError("the emulator put LiteRT elsewhere in memory than a moment before")
                runs = [reader.settled()]
                for times in (1, 2) * _TRIES:
                    runtime.invoke(times)
                    runs.append(reader.settled())
            finally:
                runtime.close()
        finally:
            reader.close()
    counts = [reader.log.num_instructions(after - before) for before, after in pairwise(runs)]
    # A lock that another thread holds is asked for again; the least is what the inference itself takes.
    return min(counts[1::2]) - min(counts[::2])


def _watched_ranges(
    machine: Machine, content: bytes, inputs: dict[int, NDArray[Any]], kernel_set: KernelSet, limits: Limits
) -> list[str]:
    """Where the libraries lie, which is the same in every process that starts the same way."""
    runtime = _started(machine, content, inputs, kernel_set, limits)
    try:
        ranges = _ranges_of(runtime.process_id)
    finally:
        runtime.close()
    if not ranges:
        raise DeviceError("the emulator shows no library of LiteRT in its memory")
    return ranges


def _started(
    machine: Machine, content: bytes, inputs: dict[int, NDArray[Any]], kernel_set: KernelSet, limits: Limits
) -> SandboxedRuntime:
    runtime = SandboxedRuntime(
        content, kernel_set=kernel_set, num_threads=1, preserve_all_tensors=False, limits=limits, machine=machine
    )
    for index, array in inputs.items():
        runtime.set_tensor(index, np.ascontiguousarray(array))
    # What a first inference makes ready is not counted.
    runtime.invoke()
    return runtime


def _ranges_of(process_id: int) -> list[str]:
    """Where the watched libraries lie, as qemu's `-dfilter` takes it: addresses inside are those outside."""
    found: dict[str, list[int]] = {}
    for line in Path(f"/proc/{process_id}/maps").read_text(encoding="utf-8", errors="replace").splitlines():
        parts = line.split(None, 5)
        if len(parts) == 6 and _WATCHED.search(parts[5]):
            found.setdefault(parts[5], []).extend(int(address, 16) for address in parts[0].split("-"))
    return [f"{min(bounds):#x}..{max(bounds) - 1:#x}" for bounds in found.values()]
