"""What distinguishes what two files say of themselves: `stated_changes`. No answer depends on it, and an app may."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from qat_kit.errors import ModelFileError
from qat_kit.litert.description import ENTRY, archived_files, description_of
from qat_kit.litert.records import ModelFile

# (where, what, before, after)
Stated = tuple[str, str, Any, Any]


def stated_changes(before: ModelFile, after: ModelFile) -> Iterator[Stated]:
    """Names of signatures and their ends, descriptions, attached metadata, TFLite metadata field by field."""
    for what in ("version", "description"):
        yield from _compared("file", what, getattr(before, what), getattr(after, what))
    yield from _entries("signature", *(_signatures(model) for model in (before, after)))
    yield from _entries("attachment", *(_attachments(model) for model in (before, after)))
    yield from _entries("metadata", *(_described(model) for model in (before, after)))


def archive_changes(before: bytes, after: bytes) -> Iterator[Stated]:
    """Files of the archives behind the FlatBuffers, such as labels: added, removed, changed."""
    yield from _entries("archive", archived_files(before), archived_files(after))


def _compared(where: str, what: str, before: Any, after: Any) -> Iterator[Stated]:
    if before != after:
        yield where, what, before, after


def _entries(where: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Stated]:
    """Values by their names; None where the other file has none."""
    for name in dict.fromkeys((*before, *after)):
        yield from _compared(where, name, before.get(name), after.get(name))


def _signatures(model: ModelFile) -> dict[str, Any]:
    return {
        f"{what} of {signature.key or 'the nameless one'}": list(getattr(signature, what))
        for signature in model.signatures
        for what in ("inputs", "outputs")
    }


def _attachments(model: ModelFile) -> dict[str, Any]:
    """Each entry but the TFLite metadata, which is compared by what it says."""
    kept = {name: model.attachments.get(name) for name in model.metadata if name != ENTRY}
    return {name: "empty" if value is None else _in_words(value.tobytes()) for name, value in kept.items()}


def _in_words(value: bytes) -> str:
    """Short text as it is, anything else by its size and beginning."""
    text = value.rstrip(b"\0")
    if len(text) <= 32 and text.isascii() and text.decode("ascii").isprintable():
        return text.decode("ascii")
    return f"{len(value):,} bytes, {value[:8].hex()}…"


def _described(model: ModelFile) -> dict[str, Any]:
    """Field → value, as in `input 0 mean`; what is not said is left out."""
    try:
        description = description_of(model)
    except ModelFileError as error:
        return {"content": str(error)}
    return {} if description is None else dict(_flat("", description.model_dump(mode="json")))


def _flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _flat(f"{name} {key}".strip(), part)
    elif isinstance(value, list) and any(isinstance(part, dict) for part in value):
        for index, part in enumerate(value):
            yield from _flat(f"{name.removesuffix('s')} {index}", part)
    elif value not in (None, "", []):
        yield name, value
