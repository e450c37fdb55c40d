"""The smallest model of one operator on which kernel sets disagree: `reproduce`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pydantic
from numpy.typing import NDArray

from qat_kit.errors import ModelFileError
from qat_kit.files import read_bytes, replacing, write_bytes
from qat_kit.litert.child import Limits
from qat_kit.litert.cutting import OperatorCutter
from qat_kit.litert.drawing import draw
from qat_kit.litert.interpreter import KERNEL_SETS, Interpreter
from qat_kit.litert.model_file import read_model
from qat_kit.litert.records import FLOAT_TYPES, Operator, Subgraph
from qat_kit.progress import Progress, SilentProgress
from qat_kit.results import Record
from qat_kit.vocabulary import KernelSet

_CALLING_OPS = ("IF", "WHILE", "CALL", "CALL_ONCE")


class Mismatch(Record):
    """An operator whose results differ between kernel sets, given the same operands.

    type: of its first result. num_differing: elements on which not all agree, of num_elements. largest: between any
    two, in steps for integers.
    position, values: the first such element, and what each kernel set made of it. size_bytes: of the operator's own
    file. failures: kernel sets that could not run it, and why.
    """

    op: str
    index: int
    type: str
    size_bytes: int
    num_elements: int = 0
    num_differing: int = 0
    largest: float = 0.0
    position: tuple[int, ...] = ()
    values: dict[KernelSet, float] = pydantic.Field(default_factory=dict)
    failures: dict[KernelSet, str] = pydantic.Field(default_factory=dict)


class Reproduction(Record):
    """All operators of a file that show a mismatch, integers before floats, the smallest first.

    run_on: the kernel set that gave the operators their operands. skipped: operators that were not run alone.
    """

    format_version: Literal[2] = 2
    sha256: str
    num_operators: int
    run_on: KernelSet
    skipped: tuple[int, ...]
    mismatches: tuple[Mismatch, ...]


@dataclass(frozen=True, kw_only=True)
class Case:
    """The smallest mismatch as a file, and the operands on which it shows, by input name."""

    content: bytes
    inputs: Mapping[str, NDArray[Any]]


def reproduce(
    path: Path, *, seed: int = 0, limits: Limits | None = None, progress: Progress | None = None
) -> tuple[Reproduction, Case | None]:
    """Runs the file once on random inputs, then each operator alone on what it was really given, on every kernel set.

    Inputs are drawn evenly over their integers, or normally for floats. The whole runs on the first kernel set that can
    run it: the reference kernels lack some operators. Everything runs in child processes. Operators that call other
    graphs, are not LiteRT's own, or keep a state are skipped. Raises ModelFileError where no kernel set runs the file.
    """
    limits, data, model = limits or Limits(), read_bytes(path), read_model(path)
    graph = model.subgraphs[0]
    found: list[tuple[Mismatch, Case]] = []
    skipped = []
    cutter = OperatorCutter(data, limits=limits)
    try:
        with (
            _run_whole(path, seed=seed, limits=limits) as whole,
            (progress or SilentProgress()).track("operators", len(graph.operators)) as advance,
        ):
            run_on = whole.kernel_set
            for operator in graph.operators:
                if _runs_alone(graph, operator):
                    content = cutter.cut(operator.index)
                    case = Case(content=content, inputs=_operands(graph, operator, content, whole))
                    mismatch = _mismatch(graph, operator, case, limits)
                    found += [] if mismatch is None else [(mismatch, case)]
                else:
                    skipped.append(operator.index)
                advance(1)
    finally:
        cutter.close()
    # The last bits of floats differ wherever sums are added in another order.
    found.sort(key=lambda pair: (pair[0].type in FLOAT_TYPES, pair[0].size_bytes, pair[0].index))
    record = Reproduction(
        sha256=model.sha256,
        num_operators=len(graph.operators),
        run_on=run_on,
        skipped=tuple(skipped),
        mismatches=tuple(mismatch for mismatch, _ in found),
    )
    return record, found[0][1] if found else None


def save_case(case: Case, folder: Path) -> None:
    """Writes `repro.tflite`, and `inputs.npz` with the operands by their tensor's number in it."""
    write_bytes(folder / "repro.tflite", case.content)
    arrays: dict[str, Any] = dict(case.inputs)
    with replacing(folder / "inputs.npz") as temporary:
        np.savez(temporary, **arrays)


def _run_whole(path: Path, *, seed: int, limits: Limits) -> Interpreter:
    """The file after one run on random inputs, on the first kernel set that runs it."""
    refusals: list[str] = []
    for kernel_set in KERNEL_SETS:
        try:
            whole = Interpreter(path, kernel_set=kernel_set, preserve_all_tensors=True, limits=limits)
            random = np.random.default_rng(seed)
            whole.run({detail.name: draw(detail.shape, detail.dtype, random) for detail in whole.inputs})
        except ModelFileError as error:
            refusals.append(str(error))
        else:
            return whole
    raise ModelFileError("\n".join(refusals))


def _runs_alone(graph: Subgraph, operator: Operator) -> bool:
    if operator.is_custom or operator.op in _CALLING_OPS or operator.intermediates:
        return False
    touched = [graph.tensors[index] for index in (*operator.inputs, *operator.outputs) if index >= 0]
    return not any(tensor.is_variable or tensor.type in ("STRING", "RESOURCE", "VARIANT") for tensor in touched)


def _operands(graph: Subgraph, operator: Operator, content: bytes, whole: Interpreter) -> dict[str, NDArray[Any]]:
    """What the operator was given, by position of its own file's inputs."""
    kept = list(dict.fromkeys(index for index in (*operator.inputs, *operator.outputs) if index >= 0))
    part = read_model(content).subgraphs[0]
    return {str(place): whole.tensor(kept[place]) for place in part.inputs}


def _mismatch(graph: Subgraph, operator: Operator, case: Case, limits: Limits) -> Mismatch | None:
    answers: dict[KernelSet, NDArray[Any]] = {}
    failures: dict[KernelSet, str] = {}
    for kernel_set in KERNEL_SETS:
        try:
            with Interpreter(case.content, kernel_set=kernel_set, limits=limits) as single:
                named = {detail.name: case.inputs[str(detail.index)] for detail in single.inputs}
                answers[kernel_set] = np.concatenate([each.reshape(-1) for each in single.run(named).values()])
        except ModelFileError as error:
            failures[kernel_set] = str(error)
    result = next((graph.tensors[index].type for index in operator.outputs if index >= 0), "")
    mismatch = Mismatch(
        op=operator.op, index=operator.index, type=result, size_bytes=len(case.content), failures=failures
    )
    if len(answers) < 2:
        return mismatch if failures else None
    stacked = np.stack([np.asarray(answer) for answer in answers.values()])
    spread = stacked.max(axis=0).astype(np.float64) - stacked.min(axis=0).astype(np.float64)
    differing = np.flatnonzero(spread)
    if not differing.size:
        return mismatch if failures else None
    first = int(differing[0])
    return mismatch.model_copy(
        update={
            "num_elements": stacked.shape[1],
            "num_differing": int(differing.size),
            "largest": float(spread.max()),
            "position": (first,),
            "values": {kernel_set: float(answer[first]) for kernel_set, answer in answers.items()},
        }
    )
