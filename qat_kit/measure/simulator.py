"""The kernel simulator in a child process with limits: `python -m qat_kit.measure.simulator` is that child.

The simulator computes what a file says, and a file from outside may say anything: the sizes of its tensors, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.errors import DataError
from qat_kit.kernels import simulate
from qat_kit.litert.child import Child, Limits
from qat_kit.litert.messages import Arrays
from qat_kit.litert.model_file import read_model
from qat_kit.litert.serve import Handler, serve
from qat_kit.vocabulary import KernelSet


class Simulator:
    """One file's first graph, simulated; ends with `close`."""

    def __init__(self, source: Path | bytes, *, limits: Limits) -> None:
        content = np.frombuffer(source if isinstance(source, bytes) else source.read_bytes(), np.uint8)
        self._child = Child(__name__, what="simulating the file's kernels", limits=limits)
        self._child.ask({}, {"content": content})

    def run(
        self, inputs: Mapping[int, NDArray[Any]], kernel_set: KernelSet, *, tensors: tuple[int, ...]
    ) -> dict[int, NDArray[Any]]:
        """The codes of some tensors after one inference, by tensor index.

        Raises NotSimulatedError for a type or an option that no simulated kernel computes, ModelCrashError where the
        simulation ends in an error or takes more than its limits.
        """
        named = {str(index): array for index, array in inputs.items()}
        _, found = self._child.ask({"kernel_set": kernel_set, "tensors": list(tensors)}, named)
        return {int(index): array for index, array in found.items()}

    def close(self) -> None:
        """Ends the child process."""
        self._child.close()


def _open() -> Handler:
    graph: Any = None

    def answer(question: dict[str, Any], arrays: Arrays) -> tuple[dict[str, Any], Arrays]:
        nonlocal graph
        if graph is None:
            graph = read_model(arrays["content"].tobytes()).subgraphs[0]
            return {}, {}
        inputs = {int(index): array for index, array in arrays.items()}
        with np.errstate(all="ignore"):  # a hostile scale is no reason to warn
            codes = simulate(graph, inputs, question["kernel_set"])
        missing = next((index for index in question["tensors"] if index not in codes), None)
        if missing is not None:
            raise DataError(f"no operator makes tensor {missing}")
        return {}, {str(index): codes[index] for index in question["tensors"]}

    return answer


if __name__ == "__main__":
    serve(_open)
