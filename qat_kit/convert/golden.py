"""Golden vectors: a few inputs, and what each kernel set answers, so that an app can tell that it runs the same file.

The kernels run in a process of their own (`python -m qat_kit.convert.golden`): some of LiteRT's abort where they
should refuse, and what the others answer still counts.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydantic
from numpy.typing import NDArray

from qat_kit.convert.interface import interfaces
from qat_kit.errors import DataError, ModelFileError
from qat_kit.litert.interpreter import KERNEL_SETS, Interpreter, runtime_identity
from qat_kit.litert.model_file import read_model
from qat_kit.manifest import EncodedArray, GoldenVectors, TensorInterface, decode_all, encode_all
from qat_kit.numerics import QuantParams, TensorSpec, quantize
from qat_kit.results import Record
from qat_kit.vocabulary import KernelSet

NUM_GOLDEN = 8
_TIME_LIMIT_S = 300.0


class _Inputs(Record):
    """What the child is given."""

    arrays: dict[str, EncodedArray]


class _Answer(Record):
    """What one kernel set makes of the inputs; arrays is empty where it refuses."""

    arrays: dict[str, EncodedArray] = pydantic.Field(default_factory=dict)
    refusal: str | None = None


def golden_vectors(file: Path, samples: Mapping[str, NDArray[Any]] | None, *, seed: int = 0) -> GoldenVectors:
    """Runs the file on each kernel set, for 8 inputs at most.

    samples: input name → real numbers, [samples, …]; None for inputs drawn at random, which betray nobody's data.
    Raises DataError where an input has no samples, ModelFileError where no kernel set runs the file.
    """
    inputs, _ = interfaces(read_model(file))
    random = np.random.default_rng(seed)
    codes: dict[str, NDArray[Any]] = {}
    for interface in inputs:
        if samples is None:
            codes[interface.name] = _synthetic(interface, random)
        elif interface.name in samples:
            codes[interface.name] = _codes(interface, samples[interface.name][:NUM_GOLDEN])
        else:
            raise DataError(f"input {interface.name!r} of {file.name} has no samples; there are {sorted(samples)}")
    answers = _answers(file, codes)
    outputs = {kernel_set: answer.arrays for kernel_set, answer in answers.items() if answer.refusal is None}
    refusals = {kernel_set: answer.refusal for kernel_set, answer in answers.items() if answer.refusal is not None}
    if not outputs:
        raise ModelFileError(f"no kernel set of LiteRT runs {file.name}: {'; '.join(sorted(set(refusals.values())))}")
    return GoldenVectors(
        origin="synthetic" if samples is None else "calibration",
        inputs=encode_all(codes),
        outputs=outputs,
        refusals=refusals,
        **runtime_identity(),
    )


def _synthetic(interface: TensorInterface, random: np.random.Generator) -> NDArray[Any]:
    """Codes over the whole range of the type; standard normal numbers; zeros where the input counts or names."""
    dtype = np.dtype(interface.dtype)
    shape = (NUM_GOLDEN, *interface.shape[1:])
    if dtype.kind == "f":
        return random.normal(size=shape).astype(dtype)
    if interface.scale is None:
        return np.zeros(shape, dtype)
    limits = np.iinfo(dtype)
    return random.integers(limits.min, limits.max, size=shape, dtype=dtype, endpoint=True)


def _codes(interface: TensorInterface, samples: NDArray[Any]) -> NDArray[Any]:
    dtype = np.dtype(interface.dtype)
    if interface.scale is None:
        return samples.astype(dtype)
    spec = TensorSpec(num_bits=8 * dtype.itemsize, signed=dtype.kind == "i")
    scale, zero_point = np.float32(interface.scale), np.int32(interface.zero_point or 0)
    return quantize(samples, QuantParams(spec=spec, scale=np.asarray(scale), zero_point=np.asarray(zero_point)))


def _answers(file: Path, codes: Mapping[str, NDArray[Any]]) -> dict[KernelSet, _Answer]:
    """Each kernel set's answer. A child that dies is followed by another, for the kernel sets that are left."""
    with tempfile.TemporaryDirectory(prefix="qat_kit_golden_") as name:
        folder = Path(name)
        _Inputs(arrays=encode_all(codes)).save(folder / "inputs.json")
        answers: dict[KernelSet, _Answer] = {}
        while left := [each for each in KERNEL_SETS if each not in answers]:
            reason = _start_child(file, folder, left)
            for each in left:
                if (path := folder / f"{each}.json").exists():
                    answers[each] = _Answer.load(path)
                else:
                    answers[each] = _Answer(refusal=reason)
                    break
    return answers


def _start_child(file: Path, folder: Path, kernel_sets: Sequence[str]) -> str:
    """Runs the child; returns how it ended."""
    command = [sys.executable, "-m", "qat_kit.convert.golden", str(file.resolve()), str(folder), *kernel_sets]
    try:
        code = subprocess.run(command, capture_output=True, timeout=_TIME_LIMIT_S, check=False).returncode
    except subprocess.TimeoutExpired:
        return f"its kernels took longer than {_TIME_LIMIT_S:g} s"
    return f"its kernels ended the process with {f'signal {-code}' if code < 0 else f'code {code}'}"


def _run_child(file: Path, folder: Path, kernel_sets: Sequence[str]) -> None:
    codes = decode_all(_Inputs.load(folder / "inputs.json").arrays)
    for kernel_set in (each for each in KERNEL_SETS if each in kernel_sets):
        try:
            answer = _Answer(arrays=encode_all(Interpreter(file, kernel_set=kernel_set).run(codes)))
        except ModelFileError as error:
            answer = _Answer(refusal=str(error))
        answer.save(folder / f"{kernel_set}.json")


if __name__ == "__main__":
    _run_child(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
