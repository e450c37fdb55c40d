"""Why a conversion failed: the operator on which the converter refused or died, by its name and its place.

Where the converter speaks, its words name the operator. Where it dies, it says nothing; then ever shorter beginnings
of the graph are converted, each in a process of its own, until the first operator that kills it is found.
"""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from typing import Any

from qat_kit.convert.job import Job
from qat_kit.convert.process import Ending, Limits, run_module
from qat_kit.files import read_text, write_text

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
# MLIR: `loc(…"place@function"…): error: 'tf.Betainc' op is neither a custom op nor a flex op`.
_OPERATOR = re.compile(r"'((?:tf|tfl|mhlo|stablehlo|quant|func)\.[\w.]+)' op ([^\n]*)")
_PLACE = re.compile(r'"([^"@:]+)@')
_LOG_LINE = re.compile(r"[IWE]\d{4} |WARNING: All log messages before absl")
_CALLS = ("PartitionedCall", "StatefulPartitionedCall")


def said(output: str) -> str:
    """What went wrong in the converter's own words: the operator, its place and the complaint, else the last error."""
    lines = [line.strip() for line in _ANSI.sub("", output).splitlines() if line.strip()]
    for line in lines:
        if (found := _OPERATOR.search(line)) and "error" in line:
            places = [place for place in _PLACE.findall(line[: found.start()]) if place not in _CALLS]
            at = f" at {places[0]!r}" if places else ""
            return f"operator {found[1]}{at} {found[2]}"
    lines = [line for line in lines if not _LOG_LINE.match(line)]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or ["it said nothing"])[-1]


def fatal_operator(job: Job, folder: Path, *, limits: Limits) -> str | None:
    """The operator on which the converter dies, in words; None where a beginning of the graph does not kill it.

    Takes log2(operators) conversions; gives up when they take longer than `limits.time_s` in all.
    """
    deadline = time.monotonic() + limits.time_s

    def ending_of(module: str, *arguments: str) -> Ending:
        left = Limits(time_s=max(1.0, deadline - time.monotonic()), memory_mb=limits.memory_mb)
        return run_module(module, arguments, limits=left, output=folder / "diagnosis.log")

    def dies(count: int) -> bool:
        part = job.model_copy(update={"num_operators": count, "output": folder / "part.tflite"})
        return is_death(ending_of("qat_kit.convert.worker", str(part.save(folder / "part.json"))))

    found = folder / "operators.txt"
    if ending_of("qat_kit.convert.diagnosis", str(job.saved_model), str(found)).code != 0:
        return None
    operators = read_text(found).splitlines()
    alive, dead = 0, len(operators)
    if not dies(dead):
        return None
    while dead - alive > 1:
        if time.monotonic() > deadline:
            return None
        middle = (alive + dead) // 2
        alive, dead = (alive, middle) if dies(middle) else (middle, dead)
    return operators[dead - 1]


def is_death(ending: Ending) -> bool:
    """Whether the converter ended by a signal that nobody sent."""
    return ending.code < 0 and ending.over is None


def first_operators(saved_model: Path, count: int) -> Any:
    """A function of the first operators of a SavedModel: all its inputs, and for outputs what none of them takes."""
    function = _frozen(saved_model)
    kept = _operators(function)[:count]
    taken = {tensor.ref() for operator in kept for tensor in operator.inputs}
    outputs = [tensor for operator in kept for tensor in operator.outputs if tensor.ref() not in taken]
    return function.prune(list(function.inputs), outputs)


def _frozen(saved_model: Path) -> Any:
    """The SavedModel's one signature as one graph, calls inlined, its variables as constants."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    (signature,) = tf.saved_model.load(str(saved_model)).signatures.values()
    return convert_variables_to_constants_v2(signature)


def _operators(function: Any) -> list[Any]:
    """What computes, in the graph's order."""
    passive = ("Placeholder", "Const", "NoOp")
    return [operator for operator in function.graph.get_operations() if operator.type not in passive]


def list_operators(saved_model: Path, output: Path) -> None:
    """Writes the operators of a SavedModel, one a line, in words: what `fatal_operator` starts a process for."""
    operators = _operators(_frozen(saved_model))
    places = [operator.name.removeprefix("Stateful").removeprefix("PartitionedCall/") for operator in operators]
    lines = [f"operator tf.{operator.type} at {place!r}" for operator, place in zip(operators, places, strict=True)]
    write_text(output, "\n".join(lines))


if __name__ == "__main__":
    list_operators(Path(sys.argv[1]), Path(sys.argv[2]))
