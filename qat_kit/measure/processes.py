"""A file's answers, found by several processes at once; `python -m qat_kit.measure.processes` is one of them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.errors import DataError
from qat_kit.litert.child import Child, Limits
from qat_kit.litert.interpreter import Interpreter
from qat_kit.litert.messages import Arrays
from qat_kit.litert.model_file import read_model
from qat_kit.litert.serve import Handler, serve
from qat_kit.measure.evaluate import Inputs, answer, chunks, named_inputs
from qat_kit.vocabulary import KernelSet


def evaluate_in_processes(
    path: Path | str,
    inputs: Inputs,
    *,
    kernel_set: KernelSet,
    num_threads: int,
    num_processes: int,
    on_progress: Callable[[int], None] | None = None,
    limits: Limits | None = None,
) -> NDArray[np.float32]:
    """As `evaluate`, with the samples dealt out to processes in the parts that one process would take.

    Raises DataError also for a file that keeps state from one sample to the next: its answers depend on the order.
    """
    if any(tensor.is_variable for graph in read_model(path).subgraphs for tensor in graph.tensors):
        raise DataError(
            f"{path} keeps state from one sample to the next, so one process must take them all: num_processes=1"
        )
    with Interpreter(path, kernel_set=kernel_set, num_threads=num_threads, limits=limits) as interpreter:
        parts = list(chunks(interpreter, named_inputs(interpreter, inputs)))
    found: list[NDArray[Any] | None] = [None] * len(parts)
    idle: SimpleQueue[Child] = SimpleQueue()
    question = {"path": str(path), "kernel_set": kernel_set, "num_threads": num_threads}
    what = f"running {path} with kernel set {kernel_set}"
    children = [Child(__name__, what=what, limits=limits or Limits()) for _ in range(min(num_processes, len(parts)))]
    for child in children:
        idle.put(child)

    def work(place: int) -> None:
        child = idle.get()
        try:
            _, arrays = child.ask(question, parts[place])
        finally:
            idle.put(child)
        found[place] = arrays["answers"]

    try:
        with ThreadPoolExecutor(len(children)) as pool:
            for place, _ in enumerate(pool.map(work, range(len(parts)))):
                if on_progress is not None:
                    on_progress(len(next(iter(parts[place].values()))))
    finally:
        for child in children:
            child.close()
    return np.concatenate([part for part in found if part is not None]).astype(np.float32, copy=False)


def _open() -> Handler:
    opened: list[Interpreter] = []

    def reply(question: dict[str, Any], arrays: Arrays) -> tuple[dict[str, Any], Arrays]:
        if not opened:
            interpreter = Interpreter(Path(question.pop("path")), **question)
            if len(interpreter.outputs) != 1:
                raise DataError(f"a model with one output is expected, and this has {len(interpreter.outputs)}")
            opened.append(interpreter)
        return {}, {"answers": answer(opened[0], arrays)}

    return reply


if __name__ == "__main__":
    serve(_open)
