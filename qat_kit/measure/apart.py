"""A file from outside, measured in a child process with limits: `python -m qat_kit.measure.apart` is that child."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qat_kit.litert.child import Child, Limits
from qat_kit.litert.messages import Arrays
from qat_kit.litert.serve import Handler, serve
from qat_kit.measure.file import measure_file
from qat_kit.results import Measurement
from qat_kit.vocabulary import KernelSet, Scores

_LIMITS = Limits(seconds=3600.0, memory_bytes=16 << 30)


def measure_apart(
    path: Path,
    *,
    data: Path | None = None,
    scores: Scores = "logits",
    kernel_set: KernelSet = "xnnpack",
    num_threads: int = 1,
    num_runs: int = 300,
    seed: int = 0,
    limits: Limits = _LIMITS,
) -> Measurement:
    """What `measure_file` finds, of a file that may harm only the child.

    limits: of the whole measurement. Raises as `measure_file` does, and ModelCrashError where the child died or took
    too long.
    """
    child = Child(__name__, what=f"measuring {path} with kernel set {kernel_set}", limits=limits)
    try:
        answer, _ = child.ask(
            {
                "path": str(path),
                "data": None if data is None else str(data),
                "scores": scores,
                "kernel_set": kernel_set,
                "num_threads": num_threads,
                "num_runs": num_runs,
                "seed": seed,
            }
        )
    finally:
        child.close()
    return Measurement.model_validate(answer["measurement"])


def _open() -> Handler:
    def answer(question: dict[str, Any], _: Arrays) -> tuple[dict[str, Any], Arrays]:
        path, data = Path(question.pop("path")), question.pop("data")
        measurement = measure_file(path, data=None if data is None else Path(data), **question)
        return {"measurement": measurement.model_dump(mode="json")}, {}

    return answer


if __name__ == "__main__":
    serve(_open)
