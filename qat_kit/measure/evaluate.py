"""A `.tflite` file's answers to real inputs: `evaluate`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.errors import DataError
from qat_kit.litert.interpreter import Interpreter
from qat_kit.vocabulary import KernelSet

Inputs = NDArray[Any] | Sequence[NDArray[Any]] | Mapping[str, NDArray[Any]]

_SAMPLES_PER_REPORT = 64


def evaluate(
    path: Path | str,
    inputs: Inputs,
    *,
    kernel_set: KernelSet = "xnnpack",
    num_threads: int = 1,
    num_processes: int = 1,
    on_progress: Callable[[int], None] | None = None,
) -> NDArray[np.float32]:
    """The output of a model with one output, as real numbers, for every sample.

    inputs: real numbers of shape [samples, …], or a sequence with one such array, or input name → array; several inputs
    need their names, since a file's order need not be that of the Keras model. Quantized and dequantized here where
    the file is quantized. A file that takes several samples at once is given as many; what is left over is filled up
    with the last sample. num_processes: that share the samples; the answers are the same. on_progress: called with the
    number of samples done since the last call.

    Returns float32 of shape [samples, …].

    Raises DataError for inputs that do not fit, ModelFileError for a file that cannot be read or run.
    """
    found = evaluate_all(
        path,
        inputs,
        kernel_set=kernel_set,
        num_threads=num_threads,
        num_processes=num_processes,
        on_progress=on_progress,
    )
    if len(found) != 1:
        raise DataError(f"a model with one output is expected, and {path} has {len(found)}: {list(found)}")
    return next(iter(found.values()))


def evaluate_all(
    path: Path | str,
    inputs: Inputs,
    *,
    kernel_set: KernelSet = "xnnpack",
    num_threads: int = 1,
    num_processes: int = 1,
    on_progress: Callable[[int], None] | None = None,
) -> dict[str, NDArray[np.float32]]:
    """Every output by its name, [samples, …], in the file's order; arguments and errors as `evaluate`."""
    parts: list[dict[str, NDArray[Any]]] = []
    if num_processes > 1:
        # It starts this module's own functions in children, so it stands above this one.
        from qat_kit.measure.processes import answers_of_processes

        parts = answers_of_processes(
            path,
            inputs,
            kernel_set=kernel_set,
            num_threads=num_threads,
            num_processes=num_processes,
            on_progress=on_progress,
        )
    else:
        interpreter = Interpreter(path, kernel_set=kernel_set, num_threads=num_threads)
        for chunk in chunks(interpreter, named_inputs(interpreter, inputs)):
            parts.append(answers(interpreter, chunk))
            if on_progress is not None:
                on_progress(count_samples(chunk))
    return {name: np.concatenate([part[name] for part in parts]).astype(np.float32, copy=False) for name in parts[0]}


def chunks(interpreter: Interpreter, named: Mapping[str, NDArray[Any]]) -> Iterator[dict[str, NDArray[Any]]]:
    """The samples in parts of some 64, each of whole batches of the file but for the last."""
    batch = batch_size(interpreter)
    size = max(1, _SAMPLES_PER_REPORT // batch) * batch
    for start in range(0, count_samples(named), size):
        yield {name: array[start : start + size] for name, array in named.items()}


def answers(interpreter: Interpreter, chunk: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Every output for each sample of a part, as real numbers; raises DataError where there are not as many."""
    count = count_samples(chunk)
    missing = -count % batch_size(interpreter)
    if missing:
        chunk = {name: np.concatenate([array, array[-1:].repeat(missing, axis=0)]) for name, array in chunk.items()}
    found = interpreter.run_real(chunk)
    for values in found.values():
        if len(values) != count + missing:
            raise DataError(
                f"the file gives {len(values)} answers for {count + missing} samples; one for each is needed"
            )
    return {name: values[:count] for name, values in found.items()}


def batch_size(interpreter: Interpreter) -> int:
    """How many samples the file takes at once."""
    return max((detail.shape[0] for detail in interpreter.inputs if detail.shape), default=1)


def named_inputs(interpreter: Interpreter, inputs: Inputs) -> dict[str, NDArray[Any]]:
    """Input name → array; raises DataError where arrays without names do not say which input they are for."""
    if isinstance(inputs, Mapping):
        return dict(inputs)
    arrays = [inputs] if isinstance(inputs, np.ndarray) else list(inputs)
    names = [detail.name for detail in interpreter.inputs]
    if len(names) != 1 or len(arrays) != 1:
        raise DataError(
            f"the model has {len(names)} inputs and {len(arrays)} arrays were given; give a mapping from names to "
            f"arrays: {', '.join(names)}"
        )
    return {names[0]: arrays[0]}


def count_samples(named: Mapping[str, NDArray[Any]]) -> int:
    """How many samples there are; raises DataError where inputs do not have the same number, or none."""
    counts = {name: len(array) for name, array in named.items()}
    if len(set(counts.values())) != 1 or not min(counts.values(), default=0):
        raise DataError(f"every input needs the same number of samples, one or more; received {counts}")
    return next(iter(counts.values()))
