"""The artifact: a flatbuffer that has passed, under its name, with the manifest that says what it is."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import pydantic

from qat_kit.convert.interface import interfaces
from qat_kit.files import read_bytes, sha256, write_bytes
from qat_kit.litert.model_file import read_model
from qat_kit.manifest import Artifact, Calibration, FileEntry, GoldenVectors, Manifest
from qat_kit.results import Certificate
from qat_kit.version import __version__
from qat_kit.vocabulary import IoType, Scores, Task

MANIFEST_NAME = "manifest.json"


class FileNames(NamedTuple):
    """What the files of one artifact are called."""

    model: str
    manifest: str
    certificate: str
    tensors: str


def kind_of(scheme: str, interface: IoType | None = None) -> str:
    """`int8` for a file that is fully int8, inputs and outputs too; else the scheme's name.

    >>> kind_of("w8a8"), kind_of("w8a8", "uint8"), kind_of("w4a8")
    ('int8', 'w8a8', 'w4a8')
    """
    return "int8" if scheme == "w8a8" and interface in (None, "int8") else scheme


def names_for(scheme: str, interface: IoType | None = None) -> FileNames:
    """The names of an artifact's files; only a fully int8 one is called `model.tflite`.

    >>> names_for("w8a8").model, names_for("w4a8").model, names_for("w8a8", "uint8").manifest
    ('model.tflite', 'model.w4a8.tflite', 'manifest.w8a8.uint8_io.json')
    """
    kind = kind_of(scheme, interface)
    ends = f".{interface}_io" if interface is not None else ""
    suffix = "" if kind == "int8" else f".{kind}{ends}"
    return FileNames(
        f"model{suffix}.tflite", f"manifest{suffix}.json", f"certificate{suffix}.json", f"tensors{suffix}.json"
    )


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
    description: str = "",
    others: Sequence[tuple[str, Path]] = (),
    file_name: str = "model.tflite",
    kind: str = "int8",
) -> Manifest:
    """Reads the candidate and says what it is. others: (kind, path) of files that go with it.

    file_name: what the candidate will be called; kind: as in `FileEntry`.
    """
    model = read_model(candidate)
    inputs, outputs = interfaces(model)
    files = [FileEntry(name=file_name, kind=kind, sha256=model.sha256, size_bytes=model.size_bytes)]
    for other_kind, path in others:
        data = read_bytes(path)
        files.append(FileEntry(name=path.name, kind=other_kind, sha256=sha256(data), size_bytes=len(data)))
    return Manifest(
        name=name,
        description=description,
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


def publish(candidate: Path, manifest: Manifest, folder: Path, *, manifest_name: str = MANIFEST_NAME) -> Artifact:
    """Copies a candidate that has passed to the name that its manifest gives it, the manifest beside it.

    The manifest goes first, so that a file named `model.tflite` is never without one; the candidate stays, so that
    publishing may be killed and done again.
    """
    manifest.save(folder / manifest_name)
    path = write_bytes(folder / manifest.files[0].name, read_bytes(candidate))
    return Artifact(path=path, manifest=manifest)


def versions() -> dict[str, str]:
    """Versions of everything that had a part in a file."""
    return {
        "qat-kit": __version__,
        "python": platform.python_version(),
        **{package: metadata.version(package) for package in _PACKAGES},
    }
