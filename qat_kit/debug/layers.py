"""A float file and its int8 file on the same inputs, layer by layer: `compare_layers`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qat_kit.debug.records import LayerComparison, LayerError
from qat_kit.errors import DataError
from qat_kit.litert.child import Limits
from qat_kit.litert.interpreter import Interpreter
from qat_kit.litert.model_file import read_model
from qat_kit.litert.records import Operator, Subgraph, Tensor
from qat_kit.numerics.error import cosine_similarity, sqnr_db
from qat_kit.vocabulary import KernelSet

# Errors beyond this many steps are counted together.
_STEPS_AT_MOST = 8
_CUT_OFF, _UNUSED, _POOR_DB = 0.01, 0.5, 20.0


def compare_layers(
    float_file: Path,
    int8_file: Path,
    inputs: Mapping[str, ArrayLike],
    *,
    kernel_set: KernelSet = "reference",
    limits: Limits | None = None,
) -> LayerComparison:
    """Runs both files on real inputs and compares the results of the layers that go by the same name in both.

    inputs: name → real numbers [samples, …]. The outputs of the files are paired by their order. Both run in child
    processes. Raises DataError for inputs that do not fit, and where no layer has a twin; ModelFileError for a file
    that cannot be read or run.
    """
    models = read_model(float_file), read_model(int8_file)
    graphs = models[0].subgraphs[0], models[1].subgraphs[0]
    mine, theirs = (_results(graph) for graph in graphs)
    pairs = {name: (mine[name], theirs[name]) for name in theirs if name in mine}
    if not pairs:
        raise DataError(f"no layer of {int8_file} goes by the name of one of {float_file}; are they of one model?")
    real, codes = (
        _collect(path, inputs, [pair[side][1].index for pair in pairs.values()], kernel_set, limits)
        for side, path in enumerate((float_file, int8_file))
    )
    layers = [
        _layer(name, *int8, real[reference[1].index], codes[int8[1].index]) for name, (reference, int8) in pairs.items()
    ]
    return LayerComparison(
        num_samples=len(np.asarray(next(iter(inputs.values())))),
        kernel_set=kernel_set,
        layers=tuple(sorted(layers, key=lambda layer: layer.sqnr_db)),
        unpaired=tuple(name for name in theirs if name not in mine),
    )


def _results(graph: Subgraph) -> dict[str, tuple[Operator, Tensor]]:
    """What each layer makes, by a name that does not depend on the scopes around the model."""
    found: dict[str, tuple[Operator, Tensor]] = {}
    for operator in graph.operators:
        for index in operator.outputs:
            if index >= 0:
                tensor = graph.tensors[index]
                name = "/".join(tensor.name.split(";")[0].split("/")[-2:])
                found[f"output {graph.outputs.index(index)}" if index in graph.outputs else name] = operator, tensor
    return found


def _collect(
    path: Path, inputs: Mapping[str, ArrayLike], tensors: list[int], kernel_set: KernelSet, limits: Limits | None
) -> dict[int, NDArray[Any]]:
    """The values of some tensors, sample after sample."""
    kept: dict[int, list[NDArray[Any]]] = {index: [] for index in tensors}
    count = len(np.asarray(next(iter(inputs.values()))))
    with Interpreter(path, kernel_set=kernel_set, preserve_all_tensors=True, limits=limits or Limits()) as interpreter:
        for sample in range(count):
            interpreter.run_real({name: np.asarray(array)[sample : sample + 1] for name, array in inputs.items()})
            for index in tensors:
                kept[index].append(interpreter.tensor(index))
    return {index: np.stack(values) for index, values in kept.items()}


def _layer(name: str, operator: Operator, tensor: Tensor, real: NDArray[Any], codes: NDArray[Any]) -> LayerError:
    real = real.astype(np.float64)
    if real.shape != codes.shape:
        raise DataError(f"layer {name!r} has shape {list(real.shape[1:])} in float and {list(codes.shape[1:])} in int8")
    if tensor.scale.size != 1:
        scale, steps = 1.0, codes.astype(np.float64)
        saturated, range_use, histogram = 0.0, 1.0, {}
    else:
        scale, zero_point = float(tensor.scale[0]), int(tensor.zero_point[0])
        steps = codes.astype(np.float64) - zero_point
        limits = np.iinfo(codes.dtype)
        wished = real / scale + zero_point
        saturated = float(np.mean((wished < limits.min - 0.5) | (wished > limits.max + 0.5)))
        range_use = (int(codes.max()) - int(codes.min())) / (int(limits.max) - int(limits.min))
        errors = np.clip(np.rint(steps - real / scale), -_STEPS_AT_MOST, _STEPS_AT_MOST).astype(int)
        values, counts = np.unique(errors, return_counts=True)
        histogram = {int(value): int(n) / errors.size for value, n in zip(values, counts, strict=True)}
    answer = steps * scale
    ratio = sqnr_db(real, answer)
    return LayerError(
        layer=name,
        op=operator.op,
        index=operator.index,
        sqnr_db=ratio,
        cosine=cosine_similarity(real, answer),
        histogram_lsb=histogram,
        saturated=saturated,
        range_use=range_use,
        remedy=_remedy(ratio, saturated, range_use),
    )


def _remedy(ratio: float, saturated: float, range_use: float) -> str:
    if math.isinf(ratio) or ratio >= _POOR_DB:
        return ""
    if saturated > _CUT_OFF:
        return "the range cuts values off: calibrate with range_estimator min_max, or on more data"
    if range_use < _UNUSED:
        return "the range is wider than the values: calibrate with range_estimator percentile or least_squares"
    return "the range fits and the steps are too coarse: train longer, or take 16-bit activations for this layer"
