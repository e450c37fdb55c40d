"""What an app takes of an artifact: `bundle_app`, a folder of plain files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from qat_kit.convert.artifact import MANIFEST_NAME
from qat_kit.convert.metadata import LABELS
from qat_kit.datasets import Split, label_arrays
from qat_kit.errors import DataError
from qat_kit.files import read_bytes, replacing, sha256, write_bytes, write_text
from qat_kit.manifest import Manifest

# A few samples for the app to try, where the artifact has them.
EVALUATION = "evaluation.npz"
_NUM_EVALUATED = 64


@dataclass(frozen=True, kw_only=True)
class Source:
    """An artifact's manifest, the bytes of the file that it speaks of, and where they lie."""

    manifest: Manifest
    manifest_path: Path
    content: bytes


def open_artifact(path: Path) -> Source:
    """The artifact in a folder, or the one whose manifest this is.

    Raises DataError where there is none or there are several, or where the file is not the one that the manifest
    describes.
    """
    path = path.expanduser()
    manifest_path = _manifest_in(path) if path.is_dir() else path
    manifest = Manifest.load(manifest_path)
    entry = manifest.files[0]
    content = read_bytes(manifest_path.with_name(entry.name))
    if sha256(content) != entry.sha256:
        raise DataError(
            f"{manifest_path.with_name(entry.name)} is not the file that {manifest_path.name} describes (SHA-256 "
            f"{sha256(content)[:12]}…, expected {entry.sha256[:12]}…): it was changed behind; convert again"
        )
    return Source(manifest=manifest, manifest_path=manifest_path, content=content)


def bundle_app(path: Path, out: Path) -> tuple[Path, ...]:
    """Writes what an app needs into a folder and returns the files: model, manifest, labels, samples to try.

    path: as in `open_artifact`. The names are the same whatever the scheme, but for the model's own.
    """
    source = open_artifact(path)
    manifest = source.manifest
    written = [write_bytes(out / manifest.files[0].name, source.content)]
    # What goes with the file in the run's folder stays there.
    kept = manifest.model_copy(update={"files": manifest.files[:1]})
    written.append(kept.save(out / MANIFEST_NAME))
    if manifest.class_names:
        written.append(write_text(out / LABELS, "".join(f"{name}\n" for name in manifest.class_names)))
    samples = source.manifest_path.with_name(EVALUATION)
    if samples.exists():
        written.append(write_bytes(out / EVALUATION, read_bytes(samples)))
    return tuple(written)


def write_evaluation(folder: Path, names: Sequence[str], test: Split) -> Path:
    """Writes a few test samples, evenly spaced, as `qat-kit measure --data` takes them.

    names: of the inputs, in the order of the arrays; the array of the only one is called `inputs`. Labels of several
    outputs stay behind: a file of one output is judged by them.
    """
    count = min(_NUM_EVALUATED, len(test))
    few = test.take(np.unique(np.linspace(0, len(test) - 1, count).astype(np.intp)))
    keys = ("inputs",) if len(few.inputs) == 1 else names
    arrays: dict[str, Any] = dict(zip(keys, few.inputs, strict=True))
    labels = label_arrays(few.labels)
    if len(labels) == 1:
        arrays["labels"] = labels[0]
    with replacing(folder / EVALUATION) as temporary:
        np.savez(temporary, **arrays)
    return folder / EVALUATION


def _manifest_in(folder: Path) -> Path:
    if (folder / MANIFEST_NAME).exists():
        return folder / MANIFEST_NAME
    found = sorted(folder.glob("manifest.*.json"))
    if len(found) != 1:
        names = ", ".join(each.name for each in found)
        raise DataError(
            f"{folder} holds {f'several artifacts ({names}): name the manifest of one' if found else 'no artifact'}; "
            "a run, or qat-kit convert, makes one"
        )
    return found[0]
