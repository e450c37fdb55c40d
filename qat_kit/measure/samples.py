"""Samples and labels of an `.npz`: what files are measured and debugged with."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.errors import DataError


def read_samples(path: Path, names: Sequence[str]) -> tuple[dict[str, NDArray[Any]], NDArray[Any] | None]:
    """(input name → array, labels) of an `.npz`; a model's only input may be called `inputs` there.

    labels: None where it has no array of that name. Raises DataError for anything else, and where an input is missing.
    """
    arrays = read_arrays(path)
    labels = arrays.pop("labels", None)
    if len(names) == 1 and names[0] not in arrays and "inputs" in arrays:
        arrays[names[0]] = arrays["inputs"]
    missing = next((name for name in names if name not in arrays), None)
    if missing is not None:
        raise DataError(f"{path} has no array for input {missing!r}, it has: {', '.join(arrays) or 'none'}")
    return {name: arrays[name] for name in names}, labels


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The named arrays of an `.npz`; raises DataError for anything else."""
    try:
        with path.open("rb") as file:
            stored = np.load(file, allow_pickle=False)
            if not isinstance(stored, np.ndarray):
                return {key: stored[key] for key in stored.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"could not read {path} as .npz: {error}") from None
    raise DataError(f"{path} holds one array without a name, and an .npz with 'inputs' and 'labels' is needed")


def read_labelled(
    path: Path, inputs: Sequence[str], outputs: Sequence[str]
) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
    """(input name → array, output name → labels). A file's only output has them in `labels`, one of several in
    `labels.NAME`; outputs without labels are left out. Raises DataError as `read_samples`, and where no output has any.
    """
    named, labels = read_samples(path, inputs)
    if len(outputs) == 1:
        found = {} if labels is None else {outputs[0]: labels}
        wanted = "'labels'"
    else:
        arrays = read_arrays(path)
        found = {name: arrays[f"labels.{name}"] for name in outputs if f"labels.{name}" in arrays}
        wanted = " or ".join(repr(f"labels.{name}") for name in outputs)
    if not found:
        raise DataError(f"{path} has no array named {wanted}, it has: {', '.join(read_arrays(path))}")
    return named, found
