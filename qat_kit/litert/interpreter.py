"""Running a `.tflite` file on LiteRT: the one place that chooses kernel sets.

The kernel sets do not agree with each other to the bit, so whoever claims that two outputs are equal names one.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qat_kit.errors import DataError, ModelFileError, NumericsError, SettingsError, UnknownNameError
from qat_kit.litert.limits import Limits, Machine
from qat_kit.litert.model_file import read_model
from qat_kit.litert.runtime import KERNEL_SETS, in_lines, load
from qat_kit.numerics import QuantParams, TensorSpec, dequantize, quantize
from qat_kit.vocabulary import KernelSet

__all__ = ["KERNEL_SETS", "Interpreter", "KernelSet", "Limits", "TensorDetail", "runtime_identity"]


@dataclass(frozen=True, eq=False)
class TensorDetail:
    """An input or output of a model as LiteRT sees it.

    name: as the file's signature calls it; the tensor's own name in a file without signatures. shape: the batch
    included. scale: float32, empty where the tensor is not quantized. zero_point: int64.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    scale: NDArray[np.float32]
    zero_point: NDArray[np.int64]

    @property
    def params(self) -> QuantParams | None:
        """Scale and zero point; None where the tensor is not quantized."""
        if self.scale.size != 1:
            return None
        spec = TensorSpec(num_bits=8 * self.dtype.itemsize, signed=self.dtype.kind == "i")
        return QuantParams(spec=spec, scale=self.scale[0], zero_point=self.zero_point[0])


class Interpreter:
    """A `.tflite` file that runs.

    kernel_set: "reference" (LiteRT's plain kernels), "builtin" (its optimised ones) or "xnnpack" (XNNPACK where it
    takes an op, builtin for the rest: what an app gets by default).
    num_threads: 1 or more. preserve_all_tensors: keep intermediate tensors readable by `tensor`, at the cost of memory.

    limits: run the file in a child process that may not take more than this, as must be done with files from outside:
    LiteRT trusts them. None: within this process, for files that qat_kit made. A child ends with `close`, at the end
    of a `with` block, or with this object. machine: where that child runs, which takes limits; None: here.

    batch: how many samples an inference takes, otherwise than the file says; only where it runs within this process.

    Raises ModelFileError where the file is damaged or LiteRT cannot run it (ModelCrashError: the child died or took too
    long), UnknownNameError for another kernel set, SettingsError for an impossible number of threads.
    """

    def __init__(
        self,
        source: Path | str | bytes,
        *,
        kernel_set: KernelSet = "xnnpack",
        num_threads: int = 1,
        preserve_all_tensors: bool = False,
        limits: Limits | None = None,
        machine: Machine | None = None,
        batch: int | None = None,
    ) -> None:
        if kernel_set not in KERNEL_SETS:
            raise UnknownNameError("kernel set", kernel_set, KERNEL_SETS)
        if num_threads < 1:
            raise SettingsError(f"num_threads must be 1 or more, received {num_threads}")
        self.kernel_set: KernelSet = kernel_set
        self.num_threads = num_threads
        # LiteRT trusts the file; one that is not whole is refused here, with words.
        model = read_model(source)
        start: Callable[..., Any] = partial(load, batch=batch)
        if limits is not None:
            # What starts processes takes a while to import, and most files are run in this one.
            from qat_kit.litert.sandbox import SandboxedRuntime

            start = partial(SandboxedRuntime, limits=limits, machine=machine)
        clock = time.perf_counter()
        self._is_child = limits is not None
        self._runtime = start(
            source, kernel_set=kernel_set, num_threads=num_threads, preserve_all_tensors=preserve_all_tensors
        )
        # What LiteRT takes to read the file and to lay out its tensors.
        self.init_ms = 1000 * (time.perf_counter() - clock)
        signature = next((signature for signature in model.signatures if signature.subgraph == 0), None)
        self.inputs = _details(self._runtime.get_input_details(), signature.inputs if signature else {})
        self.outputs = _details(self._runtime.get_output_details(), signature.outputs if signature else {})

    @overload
    def run(self, inputs: Mapping[str, ArrayLike]) -> dict[str, NDArray[Any]]: ...
    @overload
    def run(self, inputs: NDArray[Any]) -> NDArray[Any]: ...
    def run(self, inputs: Mapping[str, ArrayLike] | NDArray[Any]) -> dict[str, NDArray[Any]] | NDArray[Any]:
        """Outputs as they are in the file (codes where it is quantized) for inputs as they are in the file.

        inputs: input name → array, which gives output name → array; or one array, which gives one array, for a model
        with one input and one output. Each array of the input's own type and shape, with any number of samples on
        the first axis; they are run one by one. State that a model keeps is carried from each sample to the next.

        Raises DataError for a wrong name, type, shape or number of samples.
        """
        if isinstance(inputs, Mapping):
            return self._run(self._checked(inputs))
        return next(iter(self._run(self._checked(self._named(inputs))).values()))

    @overload
    def run_real(self, inputs: Mapping[str, ArrayLike]) -> dict[str, NDArray[Any]]: ...
    @overload
    def run_real(self, inputs: NDArray[Any]) -> NDArray[Any]: ...
    def run_real(self, inputs: Mapping[str, ArrayLike] | NDArray[Any]) -> dict[str, NDArray[Any]] | NDArray[Any]:
        """As `run`, with real numbers on both sides.

        Inputs are quantized (half to even, clipped) and outputs dequantized, where the file is quantized.

        Raises DataError as `run` does, and for NaN or infinity.
        """
        named = inputs if isinstance(inputs, Mapping) else self._named(inputs)
        results = self._run(self._checked(self.codes(named)))
        real = {detail.name: _to_real(detail, results[detail.name]) for detail in self.outputs}
        return real if isinstance(inputs, Mapping) else next(iter(real.values()))

    def codes(self, inputs: Mapping[str, ArrayLike]) -> dict[str, NDArray[Any]]:
        """Inputs as they are in the file for real numbers, by input name; raises DataError as `run_real` does."""
        self._check_names(inputs)
        details = {detail.name: detail for detail in self.inputs}
        return {name: _to_codes(details[name], np.asarray(array)) for name, array in inputs.items()}

    def invoke(self) -> None:
        """Runs the model once on whatever its inputs hold: what a latency is measured of.

        Raises ModelFileError where a kernel refuses the tensors that it meets.
        """
        try:
            self._runtime.invoke()
        except RuntimeError as error:
            raise ModelFileError(f"LiteRT failed with kernel set {self.kernel_set}: {in_lines(error)}") from None

    def tensor(self, index: int) -> NDArray[Any]:
        """A copy of any tensor after a run; intermediate ones need `preserve_all_tensors`."""
        return np.asarray(self._runtime.get_tensor(index))

    def close(self) -> None:
        """Ends the child process, where there is one."""
        if self._is_child:
            self._runtime.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _named(self, array: NDArray[Any]) -> Mapping[str, ArrayLike]:
        if len(self.inputs) != 1 or len(self.outputs) != 1:
            raise DataError(
                f"the model has {len(self.inputs)} inputs and {len(self.outputs)} outputs, so one array does not do; "
                f"give a mapping with {', '.join(detail.name for detail in self.inputs)}"
            )
        return {self.inputs[0].name: array}

    def _check_names(self, arrays: Mapping[str, ArrayLike]) -> None:
        expected = {detail.name for detail in self.inputs}
        if set(arrays) != expected:
            raise DataError(f"the model's inputs are {sorted(expected)}, received {sorted(arrays)}")

    def _checked(self, arrays: Mapping[str, ArrayLike]) -> list[NDArray[Any]]:
        """One array an input, in the file's order, of shape [runs, *shape of the input]."""
        self._check_names(arrays)
        runs = [_in_runs(detail, np.asarray(arrays[detail.name])) for detail in self.inputs]
        counts = {detail.name: len(array) for detail, array in zip(self.inputs, runs, strict=True)}
        if len(set(counts.values())) > 1:
            raise DataError(f"every input needs the same number of samples, received {counts}")
        return runs

    def _run(self, runs: list[NDArray[Any]]) -> dict[str, NDArray[Any]]:
        # A small net takes microseconds, so what stands in this loop is what a bare loop needs, and no more.
        results: list[list[NDArray[Any]]] = [[] for _ in self.outputs]
        set_tensor, get_tensor, invoke = self._runtime.set_tensor, self._runtime.get_tensor, self.invoke
        given = [detail.index for detail in self.inputs]
        wanted = [(detail.index, kept.append) for detail, kept in zip(self.outputs, results, strict=True)]
        for samples in zip(*runs, strict=True):
            for index, sample in zip(given, samples, strict=True):
                set_tensor(index, sample)
            invoke()
            for index, keep in wanted:
                keep(get_tensor(index))
        return {
            detail.name: np.stack(kept) if kept[0].ndim == 0 else np.concatenate(kept)
            for detail, kept in zip(self.outputs, results, strict=True)
        }


def runtime_identity() -> dict[str, str]:
    """What the results of a kernel set depend on: LiteRT's version and the machine's architecture.

    >>> sorted(runtime_identity())
    ['architecture', 'litert']
    """
    # It takes as long to import as a tenth of all that a child process needs.
    from importlib.metadata import version

    return {"litert": version("ai-edge-litert"), "architecture": platform.machine()}


def _details(raw: list[dict[str, Any]], signature_names: Mapping[str, int]) -> tuple[TensorDetail, ...]:
    names = {index: name for name, index in signature_names.items()}
    return tuple(
        TensorDetail(
            index=int(detail["index"]),
            name=names.get(int(detail["index"]), detail["name"]),
            shape=tuple(int(length) for length in detail["shape"]),
            dtype=np.dtype(detail["dtype"]),
            scale=np.asarray(detail["quantization_parameters"]["scales"], np.float32),
            zero_point=np.asarray(detail["quantization_parameters"]["zero_points"], np.int64),
        )
        for detail in raw
    )


def _in_runs(detail: TensorDetail, array: NDArray[Any]) -> NDArray[Any]:
    if array.dtype != detail.dtype:
        raise DataError(
            f"input {detail.name!r} takes {detail.dtype}, received {array.dtype}; "
            "run_real takes real numbers and quantizes them"
        )
    batch = detail.shape[0] if detail.shape else 1
    fits = array.shape[1:] == detail.shape[1:] and array.ndim == len(detail.shape)
    if not fits or array.size == 0 or (array.ndim and array.shape[0] % batch):
        raise DataError(
            f"input {detail.name!r} takes shape {list(detail.shape)} with any number of samples on the first axis, "
            f"received {list(array.shape)}"
        )
    return np.ascontiguousarray(array).reshape(-1, *detail.shape)


def _to_codes(detail: TensorDetail, array: NDArray[Any]) -> NDArray[Any]:
    params = detail.params
    if params is None:
        return array.astype(detail.dtype)
    try:
        return quantize(array, params)
    except NumericsError as error:
        raise DataError(f"input {detail.name!r} cannot be quantized: {error}") from None


def _to_real(detail: TensorDetail, codes: NDArray[Any]) -> NDArray[Any]:
    params = detail.params
    return codes if params is None else dequantize(codes, params)
