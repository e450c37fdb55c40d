"""All checks of a `.tflite` file in one certificate: `verify`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pydantic

from qat_kit.errors import DataError
from qat_kit.litert.model_file import read_model
from qat_kit.manifest import Manifest
from qat_kit.results import Certificate, TrainedTensors
from qat_kit.schemes import QuantScheme, get_scheme
from qat_kit.spec.runtime_versions import release
from qat_kit.targets import Target, get_target
from qat_kit.verify import (
    acceleration,
    accumulators,
    activations,
    contents,
    hazards,
    origin,
    storage,
    structure,
    training,
    versions,
    waste,
    weights,
)
from qat_kit.verify.dynamic import RunRequest
from qat_kit.verify.subject import Subject
from qat_kit.vocabulary import IoType

# What an app gets from LiteRT unless it asks for something else.
DEFAULT_TARGET = "litert_xnnpack"

_ADVICE = (*acceleration.DEMANDS, *hazards.DEMANDS, *waste.DEMANDS)
STATIC_DEMANDS = (
    *structure.DEMANDS,
    *weights.DEMANDS,
    *activations.DEMANDS,
    *accumulators.DEMANDS,
    *versions.DEMANDS,
    *contents.DEMANDS,
    *_ADVICE,
)
# Of files whose activations are float: biases and activations have no scales to look at.
FLOAT_DEMANDS = (
    *storage.DEMANDS,
    *(demand for demand in structure.DEMANDS if demand.name in ("no custom op", "inputs and outputs")),
    *(demand for demand in weights.DEMANDS if demand.name not in ("weight types", "biases")),
    *versions.DEMANDS,
    *contents.DEMANDS,
    *_ADVICE,
)
TRAINING_DEMANDS = training.DEMANDS
MANIFEST_DEMANDS = origin.DEMANDS


def verify(
    path: Path | str | bytes,
    *,
    scheme_name: str | QuantScheme = "w8a8",
    io: IoType | None = None,
    target: str | Target | None = DEFAULT_TARGET,
    runtime: str | None = None,
    max_arena_bytes: int | None = None,
    expected: TrainedTensors | Mapping[str, Any] | None = None,
    layers: Sequence[str] = (),
    manifest: Manifest | None = None,
    run: RunRequest | None = None,
) -> Certificate:
    """Examines a `.tflite` file, made by this kit or by anyone, without running it unless `run` asks for that.

    scheme_name: what the file should be. io: the type that inputs and outputs were to have; that of the scheme's
    activations where left out. target: the runtime whose kernels are to run it. runtime: the oldest TensorFlow Lite
    that must run it, such as "2.16". max_arena_bytes: what its activations may take. expected: what training used
    (`tensors.json`); without it the checks against training are not made. layers: names of the Keras model's layers,
    so that findings can say where each operator comes from; guessed from tensor names where left out. manifest: what
    was written with the file. run: what to run it on, in child processes with limits, and what to compare with.

    Returns a certificate that is bound to the file by its hash; `passed` is its verdict.

    Raises ModelFileError for a file that cannot be read, UnknownNameError for another scheme or target, NumericsError
    where `runtime` is no version, DataError where `expected` is no such record, or what `run` holds does not fit.
    """
    scheme = get_scheme(scheme_name)
    if runtime is not None:
        release(runtime)
    trained = _trained_tensors(expected)
    known = tuple(layers) or (() if trained is None else tuple({**trained.outputs, **trained.weights}))
    subject = Subject(
        model=read_model(path),
        scheme=scheme,
        io=io,
        layers=known,
        trained=trained,
        target=None if target is None else get_target(target),
        runtime=runtime,
        max_arena_bytes=max_arena_bytes,
        manifest=manifest,
    )
    demands = STATIC_DEMANDS if scheme.activation_mode == "static" else FLOAT_DEMANDS
    demands = demands if trained is None else (*demands, *TRAINING_DEMANDS)
    demands = demands if manifest is None else (*MANIFEST_DEMANDS, *demands)
    checks = tuple(demand.check(subject) for demand in demands)
    ran_on: dict[str, str] = {}
    if run is not None:
        from qat_kit.verify.dynamic.checks import run_checks

        more, ran_on = run_checks(path if isinstance(path, bytes) else Path(path), subject, run)
        checks = (*checks, *more)
    return Certificate(
        sha256=subject.model.sha256,
        size_bytes=subject.model.size_bytes,
        scheme=scheme.name,
        io=io,
        target=None if subject.target is None else subject.target.name,
        num_operators=sum(len(graph.operators) for graph in subject.model.subgraphs),
        num_tensors=sum(len(graph.tensors) for graph in subject.model.subgraphs),
        figures=contents.figures_of(subject),
        ran_on=ran_on,
        checks=checks,
    )


def _trained_tensors(expected: TrainedTensors | Mapping[str, Any] | None) -> TrainedTensors | None:
    if expected is None or isinstance(expected, TrainedTensors):
        return expected
    try:
        return TrainedTensors.model_validate(expected)
    except pydantic.ValidationError as error:
        raise DataError(f"expected must be what tensors.json holds: {error}") from None
