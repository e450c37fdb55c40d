"""Files from outside, measured in a child process with limits: `python -m qat_kit.measure.apart` is that child."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from qat_kit.litert.child import Child, Limits
from qat_kit.litert.messages import Arrays
from qat_kit.litert.serve import Handler, serve
from qat_kit.measure.file import measure_stages
from qat_kit.results import Measurement

_LIMITS = Limits(seconds=3600.0, memory_bytes=16 << 30)


def measure_apart(
    *paths: Path,
    data: Path | None = None,
    limits: Limits = _LIMITS,
    on_stage: Callable[[Measurement], None] | None = None,
    **options: Any,
) -> Measurement:
    """What `measure_files` finds, of files that may harm only the child.

    options: those of `measure_files`. limits: of each of its stages. on_stage: called with what is known after each but
    the last. Raises as `measure_files` does, and ModelCrashError where the child died or took too long.
    """
    what = f"measuring {', '.join(map(str, paths))} with kernel set {options.get('kernel_set', 'xnnpack')}"
    child = Child(__name__, what=what, limits=limits)
    question = {"paths": list(map(str, paths)), "data": None if data is None else str(data), "options": options}
    try:
        child.ask(question)
        while True:
            answer, _ = child.ask({})
            measurement = Measurement.model_validate(answer["measurement"])
            if not measurement.is_partial:
                return measurement
            if on_stage is not None:
                on_stage(measurement)
    finally:
        child.close()


def _as_given(options: dict[str, Any]) -> dict[str, Any]:
    """What JSON has made words of is a path again."""
    train_data = options.get("train_data")
    return options if train_data is None else {**options, "train_data": Path(train_data)}


def _open() -> Handler:
    stages: Iterator[Measurement] = iter(())

    def answer(question: dict[str, Any], _: Arrays) -> tuple[dict[str, Any], Arrays]:
        nonlocal stages
        if not question:
            return {"measurement": next(stages).model_dump(mode="json")}, {}
        data = question["data"]
        stages = measure_stages(
            [Path(path) for path in question["paths"]],
            data=None if data is None else Path(data),
            **_as_given(question["options"]),
        )
        return {}, {}

    return answer


if __name__ == "__main__":
    serve(_open)
