"""A file's answers, found by several processes at once; `python -m qat_kit.measure.processes` is one of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from numpy.typing import NDArray

from qat_kit.errors import DataError
from qat_kit.litert.interpreter import Interpreter, Limits
from qat_kit.litert.messages import Arrays
from qat_kit.litert.model_file import read_model
from qat_kit.litert.serve import Handler, serve
from qat_kit.measure.evaluate import Inputs, answers, chunks, count_samples, named_inputs
from qat_kit.vocabulary import KernelSet

# A part's inputs → its outputs, by name.
_Answer = Callable[[dict[str, NDArray[Any]]], dict[str, NDArray[Any]]]


def answers_of_processes(
    path: Path | str,
    inputs: Inputs,
    *,
    kernel_set: KernelSet,
    num_threads: int,
    num_processes: int,
    on_progress: Callable[[int], None] | None = None,
    limits: Limits | None = None,
) -> list[dict[str, NDArray[Any]]]:
    """Every output of each part of the samples, the parts being those that one process would take.

    This process is one of those that work; the others start meanwhile. Raises DataError also for a file that keeps
    state from one sample to the next: its answers depend on the order.
    """
    # What a child has no use for, and would wait for when it starts.
    from concurrent.futures import ThreadPoolExecutor

    from qat_kit.litert.child import Child

    if any(tensor.is_variable for graph in read_model(path).subgraphs for tensor in graph.tensors):
        raise DataError(
            f"{path} keeps state from one sample to the next, so one process must take them all: num_processes=1"
        )
    settings = {"kernel_set": kernel_set, "num_threads": num_threads}
    with Interpreter(path, kernel_set=kernel_set, num_threads=num_threads, limits=limits) as interpreter:
        parts = list(chunks(interpreter, named_inputs(interpreter, inputs)))
        found: list[dict[str, NDArray[Any]]] = [{} for _ in parts]
        waiting: SimpleQueue[int] = SimpleQueue()
        done: SimpleQueue[int] = SimpleQueue()
        for place in range(len(parts)):
            waiting.put(place)

        def work(answer: _Answer, after_each: Callable[[], None] = lambda: None) -> None:
            try:
                while (place := _next(waiting)) is not None:
                    found[place] = answer(parts[place])
                    done.put(count_samples(parts[place]))
                    after_each()
            except BaseException:
                # What is left would be worked on in vain.
                while _next(waiting) is not None:
                    pass
                raise

        def work_in_child() -> None:
            child = Child(__name__, what=f"running {path} with kernel set {kernel_set}", limits=limits or Limits())
            try:
                work(lambda part: child.ask({"path": str(path), **settings}, part)[1])
            finally:
                child.close()

        def report() -> None:
            while (count := _next(done)) is not None:
                if on_progress is not None:
                    on_progress(count)

        with ThreadPoolExecutor(max(1, num_processes - 1)) as pool:
            others = [pool.submit(work_in_child) for _ in range(min(num_processes, len(parts)) - 1)]
            work(lambda part: answers(interpreter, part), report)
        for other in others:
            other.result()
        report()
    return found


def _next(queue: SimpleQueue[int]) -> int | None:
    try:
        return queue.get_nowait()
    except Empty:
        return None


def _open() -> Handler:
    opened: list[Interpreter] = []

    def reply(question: dict[str, Any], arrays: Arrays) -> tuple[dict[str, Any], Arrays]:
        if not opened:
            opened.append(Interpreter(Path(question.pop("path")), **question))
        return {}, answers(opened[0], arrays)

    return reply


if __name__ == "__main__":
    serve(_open)
