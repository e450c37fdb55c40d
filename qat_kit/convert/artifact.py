"""The artifact: a flatbuffer that has passed, under its name, with the manifest that says what it is."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import pydantic

from qat_kit.convert.interface import interfaces
from qat_kit.files import read_bytes, sha256, write_bytes
from qat_kit.litert.model_file import read_model
from qat_kit.manifest import Artifact, Calibration, FileEntry, GoldenVectors, Manifest
from qat_kit.results import Certificate
from qat_kit.version import __version__
from qat_kit.vocabulary import Scores, Task

MODEL_NAME = "model.tflite"
MANIFEST_NAME = "manifest.json"

# What can change a byte of the file, or a figure.
_PACKAGES = ("tensorflow", "tf-keras", "tensorflow-model-optimization", "ai-edge-litert", "numpy")


def build_manifest(
    candidate: Path,
    certificate: Certificate,
    *,
    name: str,
    task: Task | None,
    scores: Scores,
    class_names: tuple[str, ...],
    calibration: Calibration | None,
    golden: GoldenVectors | None,
    scheme: str,
    target: str,
    seed: int,
    determinism: str,
    settings: dict[str, pydantic.JsonValue],
    others: Sequence[tuple[str, Path]] = (),
) -> Manifest:
    """Reads the candidate and says what it is. others: (kind, path) of files that go with it."""
    model = read_model(candidate)
    inputs, outputs = interfaces(model)
    files = [FileEntry(name=MODEL_NAME, kind="int8", sha256=model.sha256, size_bytes=model.size_bytes)]
    for kind, path in others:
        data = read_bytes(path)
        files.append(FileEntry(name=path.name, kind=kind, sha256=sha256(data), size_bytes=len(data)))
    return Manifest(
        name=name,
        task=task,
        scores=scores,
        files=tuple(files),
        inputs=inputs,
        outputs=outputs,
        class_names=class_names,
        scheme=scheme,
        target=target,
        seed=seed,
        determinism=determinism,
        settings=settings,
        calibration=calibration,
        golden=golden,
        certificate_sha256=sha256(certificate.model_dump_json().encode()),
        versions=versions(),
    )


def publish(candidate: Path, manifest: Manifest, folder: Path) -> Artifact:
    """Copies a candidate that has passed to the name `model.tflite`, its manifest beside it.

    The manifest goes first, so that a file named `model.tflite` is never without one; the candidate stays, so that
    publishing may be killed and done again.
    """
    manifest.save(folder / MANIFEST_NAME)
    path = write_bytes(folder / MODEL_NAME, read_bytes(candidate))
    return Artifact(path=path, manifest=manifest)


def versions() -> dict[str, str]:
    """Versions of everything that had a part in a file."""
    return {
        "qat-kit": __version__,
        "python": platform.python_version(),
        **{package: metadata.version(package) for package in _PACKAGES},
    }
