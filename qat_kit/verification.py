"""A `.tflite` file with all that lies beside it, certified: what `qat-kit verify` does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.convert.interface import interfaces
from qat_kit.datasets import Split
from qat_kit.errors import DataError
from qat_kit.files import read_bytes, sha256
from qat_kit.litert.interpreter import Interpreter
from qat_kit.litert.model_file import read_model
from qat_kit.manifest import Manifest
from qat_kit.measure.samples import read_samples
from qat_kit.results import Certificate, TrainedTensors
from qat_kit.targets import get_target
from qat_kit.verify import RunRequest, verify
from qat_kit.verify.certificate import DEFAULT_TARGET
from qat_kit.vocabulary import IoType, Scores


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Where to find what a file is held against.

    tensors, manifest: those beside the file where left out. run: whether to run the file; data and qat imply it. data:
    an `.npz` as `read_samples` takes it. qat: the trained `.keras` model, which needs TensorFlow. scores: what the
    output holds. max_drop_points: of accuracy. max_macs: products that the kernel simulator may compute.
    """

    tensors: Path | None = None
    manifest: Path | None = None
    run: bool = False
    data: Path | None = None
    qat: Path | None = None
    scores: Scores | None = None
    max_drop_points: float = 1.0
    max_macs: int | None = None
    seed: int = 0


def certify(
    file: Path,
    evidence: Evidence,
    *,
    scheme: str = "w8a8",
    io: IoType | None = None,
    target: str = DEFAULT_TARGET,
    runtime: str | None = None,
    max_arena_bytes: int | None = None,
) -> Certificate:
    """Reads what lies beside the file, runs the file where that is asked for, and certifies it.

    Raises as `verify` does, and DataError for evidence that cannot be read.
    """
    tensors = evidence.tensors or _beside(file, "tensors")
    manifest = _manifest(file, evidence.manifest)
    return verify(
        file,
        scheme_name=scheme,
        io=io,
        target=target,
        runtime=runtime,
        max_arena_bytes=max_arena_bytes,
        expected=None if tensors is None else TrainedTensors.load(tensors),
        manifest=manifest,
        run=_request(file, evidence, manifest, target),
    )


def certificate_path(file: Path) -> Path:
    """Where the certificate of a file that was run goes: beside it, under its name.

    >>> certificate_path(Path("app/model.tflite")).as_posix()
    'app/model.certificate.json'
    """
    return file.with_suffix(".certificate.json")


def _beside(file: Path, kind: str) -> Path | None:
    """`model.fp16.tflite` has `manifest.fp16.json` beside it."""
    suffix = file.stem.removeprefix("model") if file.stem.startswith("model") else ""
    path = file.with_name(f"{kind}{suffix}.json")
    return path if path.exists() else None


def _manifest(file: Path, given: Path | None) -> Manifest | None:
    if given is not None:
        return Manifest.load(given)
    beside = _beside(file, "manifest")
    manifest = None if beside is None else Manifest.load(beside)
    # What is called otherwise may have been put beside another file's manifest.
    return manifest if manifest and any(entry.name == file.name for entry in manifest.files) else None


def _request(file: Path, evidence: Evidence, manifest: Manifest | None, target: str) -> RunRequest | None:
    if not (evidence.run or evidence.data or evidence.qat):
        return None
    if evidence.qat is not None and evidence.data is None:
        raise DataError("to compare with the trained model, samples are needed: give --data FILE.npz")
    scores = evidence.scores or (manifest.scores if manifest else "logits")
    request = RunRequest(
        golden=manifest.golden if manifest else None,
        scores=scores,
        max_drop_points=evidence.max_drop_points,
        seed=evidence.seed,
    )
    if evidence.max_macs is not None:
        request = replace(request, max_simulated_macs=evidence.max_macs)
    if evidence.data is None:
        return request
    inputs, _ = interfaces(read_model(file))
    samples, labels = read_samples(evidence.data, [interface.name for interface in inputs])
    request = replace(request, samples=samples, labels=labels)
    if evidence.qat is not None:
        trained = _trained_answers(evidence.qat, samples)
        request = replace(request, trained=trained, baseline=("the trained model", next(iter(trained.values()))))
    elif labels is not None and (float_file := _float_file(file, manifest)) is not None:
        kernel_set = get_target(target).kernel_set or "reference"
        with Interpreter(float_file, kernel_set=kernel_set, limits=request.limits) as interpreter:
            answers = next(iter(interpreter.run_real(samples).values()))
        request = replace(request, baseline=(float_file.name, answers))
    return request


def _float_file(file: Path, manifest: Manifest | None) -> Path | None:
    """The float file that the manifest names, where it lies beside the other, unchanged."""
    for entry in manifest.files if manifest else ():
        path = file.with_name(entry.name)
        if entry.kind == "float32" and path != file and path.exists() and sha256(read_bytes(path)) == entry.sha256:
            return path
    return None


def _trained_answers(path: Path, samples: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """What the Keras model answers: its outputs by their names. TensorFlow is imported here."""
    from qat_kit.keras_models import load_model, predict_all

    model = load_model(path)
    missing = [name for name in model.input_names if name not in samples]
    if missing or len(model.input_names) != len(samples):
        raise DataError(
            f"{path} has the inputs {', '.join(model.input_names)}, and the file {', '.join(samples)}: they are not "
            "of one model"
        )
    split = Split(inputs=tuple(np.asarray(samples[name], np.float32) for name in model.input_names))
    return predict_all(model, split)
