"""Samples a second when several are given at once: `measure_throughput`."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from qat_kit.errors import ModelFileError
from qat_kit.litert.interpreter import Interpreter
from qat_kit.results import Throughput
from qat_kit.vocabulary import KernelSet

BATCHES = (1, 32)
_TURNS, _TURN_S = 7, 0.02


def measure_throughput(
    path: Path | str,
    inputs: Mapping[str, NDArray[Any]],
    *,
    batches: Sequence[int] = BATCHES,
    kernel_set: KernelSet = "xnnpack",
    num_threads: int = 1,
) -> tuple[Throughput, ...]:
    """Batch size over the median time of an inference, of seven turns at each size, in turns with each other.

    inputs: input name → real numbers [samples, …], repeated where they are too few. A file whose shapes do not allow a
    batch size says so. What a batch computes is not judged here: only how fast.
    """
    ready: dict[int, Interpreter] = {}
    refused: dict[int, Throughput] = {}
    for batch in batches:
        try:
            interpreter = Interpreter(path, kernel_set=kernel_set, num_threads=num_threads, batch=batch)
            interpreter.run_real({name: _repeated(array, batch) for name, array in inputs.items()})
        except ModelFileError as error:
            refused[batch] = Throughput(batch=batch, refusal=" ".join(str(error).split()))
        else:
            ready[batch] = interpreter
    seconds: dict[int, list[float]] = {batch: [] for batch in ready}
    for _ in range(_TURNS):
        for batch, interpreter in ready.items():
            seconds[batch] += _one_turn(interpreter)
    measured = {
        batch: Throughput(batch=batch, samples_per_second=batch / statistics.median(found))
        for batch, found in seconds.items()
    }
    return tuple((measured | refused)[batch] for batch in batches)


def _one_turn(interpreter: Interpreter) -> list[float]:
    """Seconds of each inference."""
    found: list[float] = []
    interpreter.invoke()
    begin = start = time.perf_counter()
    while not found or start < begin + _TURN_S:
        start = time.perf_counter()
        interpreter.invoke()
        found.append(time.perf_counter() - start)
    return found


def _repeated(array: NDArray[Any], count: int) -> NDArray[Any]:
    return array[[place % len(array) for place in range(count)]]
