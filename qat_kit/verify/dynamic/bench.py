"""One file on every kernel set, each in a child process, and the inputs that it is run on: `Bench`."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from qat_kit.errors import DataError, ModelFileError
from qat_kit.litert.drawing import draw
from qat_kit.litert.interpreter import KERNEL_SETS, Interpreter, TensorDetail
from qat_kit.manifest import decode_all
from qat_kit.verify.dynamic.request import RunRequest
from qat_kit.verify.subject import Subject
from qat_kit.vocabulary import KernelSet

Codes = Mapping[str, NDArray[Any]]

# What inputs and outputs may take here, of what a child may.
_SHARE_OF_MEMORY = 16


class Bench:
    """What the dynamic checks look at.

    inputs: input name → codes as the file takes them, [samples, …]: the golden ones where they fit, else drawn.
    stated: what the inputs are, in words. are_real: whether they come from data rather than from a die.
    refusals: kernel set → why LiteRT does not run the file on it.
    """

    def __init__(self, source: Path | bytes, subject: Subject, request: RunRequest) -> None:
        self.source, self.subject, self.request = source, subject, request
        self.refusals: dict[KernelSet, str] = {}
        self.inputs: Codes = {}
        self.stated, self.are_real = "", False
        self._interpreters: dict[KernelSet, Interpreter] = {}
        self._answers: dict[KernelSet, dict[str, NDArray[Any]]] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        for kernel_set in KERNEL_SETS:
            try:
                runner = Interpreter(self.source, kernel_set=kernel_set, limits=self.request.limits)
                self._interpreters[kernel_set] = self._stack.enter_context(runner)
            except ModelFileError as error:
                self.refusals[kernel_set] = str(error)
        if self._interpreters:
            self._state_inputs()
            for kernel_set in [each for each in self._interpreters if each not in self.refusals]:
                self._answer(kernel_set)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def kernel_sets(self) -> tuple[KernelSet, ...]:
        """Those that answered."""
        return tuple(self._answers)

    @property
    def target_kernel_set(self) -> KernelSet:
        """The kernels that stand for the target here; the reference kernels where none do."""
        target = self.subject.target
        return (target.kernel_set if target else None) or "reference"

    @property
    def input_details(self) -> tuple[TensorDetail, ...]:
        """The file's inputs."""
        return next(iter(self._interpreters.values())).inputs

    @property
    def output_details(self) -> tuple[TensorDetail, ...]:
        """The file's outputs."""
        return next(iter(self._interpreters.values())).outputs

    def answers(self, kernel_set: KernelSet) -> Codes:
        """Output name → codes for `inputs`."""
        return self._answers[kernel_set]

    def run(self, kernel_set: KernelSet, inputs: Codes) -> Codes:
        """Codes in, codes out; raises ModelFileError where LiteRT refuses, DataError for inputs that do not fit."""
        if kernel_set in self.refusals:
            raise ModelFileError(self.refusals[kernel_set])
        return self._interpreters[kernel_set].run(inputs)

    def run_real(self, kernel_set: KernelSet, inputs: Codes) -> Codes:
        """Real numbers in, real numbers out; raises as `run` does."""
        if kernel_set in self.refusals:
            raise ModelFileError(self.refusals[kernel_set])
        return self._interpreters[kernel_set].run_real(inputs)

    def output_scale(self, detail: TensorDetail) -> float | None:
        """The step of an output, also behind the DEQUANTIZE of a float one; None where it is not quantized."""
        graph = self.subject.model.subgraphs[0]
        tensor = next((graph.tensors[index] for index in graph.outputs if index == detail.index), None)
        maker = None if tensor is None else self.subject.maker(graph, tensor)
        if tensor is not None and tensor.is_float and maker is not None and maker.operator.op == "DEQUANTIZE":
            tensor = maker.operand(0)
        return float(tensor.scale[0]) if tensor is not None and tensor.scale.size == 1 else None

    def _answer(self, kernel_set: KernelSet) -> None:
        try:
            self._answers[kernel_set] = dict(self.run(kernel_set, self.inputs))
        except (ModelFileError, DataError) as error:
            # Inputs that were made to fit do not where a shape is empty.
            self.refusals[kernel_set] = str(error)

    def _state_inputs(self) -> None:
        golden = self.request.golden
        if golden is not None:
            codes = decode_all(golden.inputs)
            if self._fit(codes):
                self.inputs, self.are_real = codes, golden.origin == "calibration"
                self.stated = f"{_count(codes)} golden inputs of the manifest ({golden.origin})"
                return
        strange = next((detail for detail in self.input_details if detail.dtype.kind not in "biuf"), None)
        if strange is not None:
            reason = f"input {strange.name!r} takes {strange.dtype.name}, of which nothing can be drawn"
            self.refusals = dict.fromkeys(self._interpreters, reason)
            return
        # A file from outside may ask for inputs and give outputs of any size, and they are held here, not in a child.
        most = self.request.limits.memory_bytes // _SHARE_OF_MEMORY
        size = sum(
            math.prod(detail.shape) * detail.dtype.itemsize for detail in (*self.input_details, *self.output_details)
        )
        if size > most:
            reason = f"one run takes and gives {size:,} bytes, and {most:,} are held at most"
            self.refusals = dict.fromkeys(self._interpreters, reason)
            return
        random = np.random.default_rng(self.request.seed)
        # A scalar has no axis for several samples.
        runs = self.request.num_random if all(detail.shape for detail in self.input_details) else 1
        runs = max(1, min(runs, most // max(1, size)))
        self.inputs = {
            detail.name: draw((runs * detail.shape[0], *detail.shape[1:]) if detail.shape else (), detail.dtype, random)
            for detail in self.input_details
        }
        self.stated = f"{runs} inputs drawn at random (seed {self.request.seed})"

    def _fit(self, codes: Codes) -> bool:
        """Whether the file takes these inputs."""
        return set(codes) == {detail.name for detail in self.input_details} and all(
            codes[detail.name].dtype == detail.dtype
            and codes[detail.name].shape[1:] == detail.shape[1:]
            and codes[detail.name].shape[:1] > (0,)
            and codes[detail.name].shape[0] % _first(detail.shape) == 0
            for detail in self.input_details
        )


def in_runs(codes: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Samples as runs of a tensor's own shape: [runs, *shape]."""
    return codes.reshape(-1, *shape)


def first_line(reason: str) -> str:
    """The first line of what LiteRT said, without the file's path: a certificate is about what is in the file.

    >>> first_line("LiteRT cannot run models/a.tflite with kernel set builtin: node 3 failed\\nmore")
    'node 3 failed'
    """
    line = reason.splitlines()[0] if reason else ""
    return re.sub(r"^(LiteRT cannot run|LiteRT failed|running) .*?with kernel set \w+(: | )", "", line)


def _first(shape: tuple[int, ...]) -> int:
    return max(1, shape[0]) if shape else 1


def _count(codes: Codes) -> int:
    return len(next(iter(codes.values()))) if codes else 0


def one_output(named: Codes, details: tuple[TensorDetail, ...], what: str) -> dict[str, NDArray[Any]]:
    """Answers by the file's own names: those that are called so, or the only one of both. Raises DataError."""
    names = [detail.name for detail in details]
    if len(named) == len(names) == 1:
        return {names[0]: next(iter(named.values()))}
    if set(named) != set(names):
        raise DataError(f"{what} has the outputs {sorted(named)}, and the file has {sorted(names)}")
    return dict(named)
