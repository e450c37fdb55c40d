"""LiteRT's interpreter in a child process: what `Interpreter` drives where it is given limits.

`python -m qat_kit.litert.sandbox` is that child.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.errors import ModelFileError
from qat_kit.litert.child import Child, Limits, Machine
from qat_kit.litert.messages import Arrays
from qat_kit.litert.model_file import read_model
from qat_kit.litert.runtime import in_lines, load
from qat_kit.litert.serve import Handler, serve
from qat_kit.vocabulary import KernelSet


class SandboxedRuntime:
    """The part of LiteRT's own interface that `Interpreter` uses, each call answered by the child.

    Inputs wait here for `invoke`, which brings all outputs back: one question an inference.
    """

    def __init__(
        self,
        source: Path | str | bytes,
        *,
        kernel_set: KernelSet,
        num_threads: int,
        preserve_all_tensors: bool,
        limits: Limits,
        machine: Machine | None = None,
    ) -> None:
        label = "the model" if isinstance(source, bytes) else str(source)
        what = f"running {label} with kernel set {kernel_set}"
        self._child = Child(__name__, what=what, limits=limits, machine=machine)
        answer, _ = self._child.ask(
            {
                "path": None if isinstance(source, bytes) else str(source),
                "kernel_set": kernel_set,
                "num_threads": num_threads,
                "preserve_all_tensors": preserve_all_tensors,
            },
            {"content": np.frombuffer(source, np.uint8)} if isinstance(source, bytes) else None,
        )
        self._inputs, self._outputs = answer["inputs"], answer["outputs"]
        self._waiting: dict[str, NDArray[Any]] = {}
        self._results: dict[str, NDArray[Any]] = {}

    def get_input_details(self) -> list[dict[str, Any]]:
        return list(self._inputs)

    def get_output_details(self) -> list[dict[str, Any]]:
        return list(self._outputs)

    def set_tensor(self, index: int, value: NDArray[Any]) -> None:
        self._waiting[str(index)] = value

    def invoke(self, times: int = 1) -> None:
        _, self._results = self._child.ask({"invoke": times}, self._waiting)
        self._waiting = {}

    def get_tensor(self, index: int) -> NDArray[Any]:
        if str(index) not in self._results:
            _, found = self._child.ask({"tensor": index})
            self._results |= found
        return self._results[str(index)].copy()

    @property
    def process_id(self) -> int:
        return self._child.process_id

    def close(self) -> None:
        self._child.close()


def _open() -> Handler:
    runtime: Any = None
    kernel_set: str = ""

    def answer(question: dict[str, Any], arrays: Arrays) -> tuple[dict[str, Any], Arrays]:
        nonlocal runtime, kernel_set
        if runtime is None:
            content = arrays.get("content")
            source = Path(question["path"]) if content is None else content.tobytes()
            read_model(source)
            kernel_set = question["kernel_set"]
            names = ("kernel_set", "num_threads", "preserve_all_tensors")
            runtime = load(source, **{name: question[name] for name in names})
            return {
                "inputs": [_plain(detail) for detail in runtime.get_input_details()],
                "outputs": [_plain(detail) for detail in runtime.get_output_details()],
            }, {}
        try:
            return {}, _tensors(runtime, question, arrays)
        except (RuntimeError, ValueError) as error:
            raise ModelFileError(f"LiteRT failed with kernel set {kernel_set}: {in_lines(error)}") from None

    return answer


def _tensors(runtime: Any, question: dict[str, Any], arrays: Arrays) -> dict[str, NDArray[Any]]:
    if "tensor" in question:
        return {str(question["tensor"]): np.asarray(runtime.get_tensor(question["tensor"]))}
    for index, array in arrays.items():
        runtime.set_tensor(int(index), array)
    for _ in range(question["invoke"]):
        runtime.invoke()
    indices = [int(detail["index"]) for detail in runtime.get_output_details()]
    return {str(index): np.asarray(runtime.get_tensor(index)) for index in indices}


def _plain(detail: dict[str, Any]) -> dict[str, Any]:
    """A tensor's details as JSON takes them; float32 passes through a double without a loss."""
    parameters = detail["quantization_parameters"]
    return {
        "index": int(detail["index"]),
        "name": str(detail["name"]),
        "shape": [int(length) for length in detail["shape"]],
        "dtype": np.dtype(detail["dtype"]).str,
        "quantization_parameters": {
            "scales": parameters["scales"].tolist(),
            "zero_points": parameters["zero_points"].tolist(),
        },
    }


if __name__ == "__main__":
    serve(_open)
