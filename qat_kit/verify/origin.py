"""The file is the one that its manifest describes."""

from __future__ import annotations

from qat_kit.convert.interface import interfaces
from qat_kit.results import Finding
from qat_kit.verify.subject import Demand, Subject

_REMEDY = "take the file and the manifest from the same folder, or convert again"


def same_file(subject: Subject) -> tuple[Finding, ...]:
    """Whether the manifest names a file of this hash and size."""
    manifest, model = subject.manifest, subject.model
    if manifest is None or any(
        (entry.sha256, entry.size_bytes) == (model.sha256, model.size_bytes) for entry in manifest.files
    ):
        return ()
    entry = manifest.files[0]
    return (
        Finding(
            message=f"the manifest's {entry.name!r} has {entry.size_bytes} bytes and SHA-256 {entry.sha256[:16]}…, the "
            f"file {model.size_bytes} and {model.sha256[:16]}…: bytes were changed, or it is another file",
            remedy=_REMEDY,
        ),
    )


def same_ends(subject: Subject) -> tuple[Finding, ...]:
    """Inputs and outputs that are not as the manifest tells an app."""
    manifest = subject.manifest
    if manifest is None or _is_other(subject):
        return ()
    inputs, outputs = interfaces(subject.model)
    found = []
    for side, stated, held in (("input", manifest.inputs, inputs), ("output", manifest.outputs, outputs)):
        if len(stated) != len(held):
            found.append(
                Finding(message=f"the manifest has {len(stated)} {side}s, and the file {len(held)}", remedy=_REMEDY)
            )
        found += [
            Finding(message=f"the manifest has the {side} {mine}, and the file {theirs}", remedy=_REMEDY)
            for mine, theirs in zip(stated, held, strict=False)
            if mine != theirs
        ]
    return tuple(found)


def _is_other(subject: Subject) -> bool:
    """Whether the file is one of those that the manifest names beside its own: its ends are not described."""
    entries = subject.manifest.files[1:] if subject.manifest else ()
    return any(entry.sha256 == subject.model.sha256 for entry in entries)


# A file of another origin makes whatever else is found beside the point, so these come first.
DEMANDS = (
    Demand(
        name="file of the manifest",
        rule="the manifest names a file of this hash and size",
        find=same_file,
    ),
    Demand(
        name="ends of the manifest",
        rule="inputs and outputs have the names, shapes, types, scales and zero points that the manifest tells an app",
        find=same_ends,
    ),
)
