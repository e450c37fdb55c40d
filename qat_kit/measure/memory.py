"""What a file takes in memory while it runs, in a process that does nothing else: `measure_memory`.

`python -m qat_kit.measure.memory` is that process.
"""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

import numpy as np

from qat_kit.litert.arena import planned_bytes
from qat_kit.litert.child import Child, Limits
from qat_kit.litert.interpreter import Interpreter
from qat_kit.litert.messages import Arrays
from qat_kit.litert.model_file import read_model
from qat_kit.litert.serve import Handler, serve
from qat_kit.results import Memory
from qat_kit.vocabulary import KernelSet


def measure_memory(
    path: Path, *, kernel_set: KernelSet = "xnnpack", num_threads: int = 1, limits: Limits | None = None
) -> Memory:
    """Loads a file in a fresh process, runs it three times on zeros, and reads what the process has resident.

    Raises ModelFileError for a file that cannot be read or run (ModelCrashError: the process died or took too long).
    """
    graph = read_model(path).subgraphs[0]
    child = Child(__name__, what=f"running {path} with kernel set {kernel_set}", limits=limits or Limits())
    try:
        answer, _ = child.ask({"path": str(path), "kernel_set": kernel_set, "num_threads": num_threads})
    finally:
        child.close()
    return Memory(arena_bytes=planned_bytes(graph), **answer)


def _open() -> Handler:
    def answer(question: dict[str, Any], __: Arrays) -> tuple[dict[str, Any], Arrays]:
        path = Path(question.pop("path"))
        # The modules that reading a file needs are in memory before the first reading.
        read_model(path)
        before = resident_kib()
        interpreter = Interpreter(path, **question)
        loaded = resident_kib()
        zeros = {detail.name: np.zeros(detail.shape, detail.dtype) for detail in interpreter.inputs}
        for _ in range(3):
            interpreter.run(zeros)
        facts = {
            "init_kib": max(0, loaded - before),
            "overall_kib": max(0, resident_kib() - before),
            "peak_kib": peak_kib(),
        }
        return facts, {}

    return answer


def peak_kib() -> int:
    """The most that this process ever had resident, in KiB.

    Not `ru_maxrss`: a new process begins with that of the one that started it.

    >>> resident_kib() // 2 < peak_kib() < 100_000_000
    True
    """
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM:")).split()[1])


def resident_kib() -> int:
    """What this process has resident now, in KiB.

    >>> 1_000 < resident_kib() < 100_000_000
    True
    """
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() // 1024


if __name__ == "__main__":
    serve(_open)
