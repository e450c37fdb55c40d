"""Golden vectors: a few inputs, and what each kernel set answers, so that an app can tell that it runs the same file.

Each kernel set runs in a process of its own: some of LiteRT's kernels die where they should refuse, and what the others
answer still counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.convert.interface import interfaces
from qat_kit.errors import DataError, ModelFileError
from qat_kit.files import read_bytes
from qat_kit.litert.interpreter import KERNEL_SETS, Interpreter, Limits, runtime_identity
from qat_kit.litert.model_file import read_model
from qat_kit.manifest import EncodedArray, GoldenVectors, TensorInterface, encode_all
from qat_kit.numerics import QuantParams, TensorSpec, quantize
from qat_kit.vocabulary import KernelSet

NUM_GOLDEN = 8


def golden_vectors(file: Path, samples: Mapping[str, NDArray[Any]] | None, *, seed: int = 0) -> GoldenVectors:
    """Runs the file on each kernel set, for 8 inputs at most.

    samples: input name → real numbers, [samples, …]; None for inputs drawn at random, which betray nobody's data.
    Raises DataError where an input has no samples, ModelFileError where no kernel set runs the file.
    """
    # From bytes, so that what a kernel set says of the file names no temporary folder.
    content = read_bytes(file)
    inputs, _ = interfaces(read_model(content))
    random = np.random.default_rng(seed)
    codes: dict[str, NDArray[Any]] = {}
    for interface in inputs:
        if samples is None:
            codes[interface.name] = _synthetic(interface, random)
        elif interface.name in samples:
            codes[interface.name] = _codes(interface, samples[interface.name][:NUM_GOLDEN])
        else:
            raise DataError(f"input {interface.name!r} of {file.name} has no samples; there are {sorted(samples)}")
    outputs: dict[KernelSet, dict[str, EncodedArray]] = {}
    refusals: dict[KernelSet, str] = {}
    for kernel_set in KERNEL_SETS:
        try:
            with Interpreter(content, kernel_set=kernel_set, limits=Limits()) as interpreter:
                outputs[kernel_set] = encode_all(interpreter.run(codes))
        except ModelFileError as error:
            refusals[kernel_set] = str(error)
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
