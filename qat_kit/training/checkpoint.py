"""The state of a training at the end of an epoch, in one file that is whole or absent."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from qat_kit.errors import OutputError
from qat_kit.files import replacing


def save_checkpoint(path: Path, variables: Sequence[Any], history: list[dict[str, float]]) -> None:
    """Writes all variables (of model, optimizer, averages), and the figures of the epochs so far."""
    arrays: dict[str, Any] = {f"variable_{index}": variable.numpy() for index, variable in enumerate(variables)}
    with replacing(path) as temporary:
        np.savez(temporary, **arrays, history=np.array(json.dumps(history)))


def load_checkpoint(path: Path, variables: Sequence[Any]) -> list[dict[str, float]]:
    """Restores what `save_checkpoint` wrote; returns the figures of the epochs so far.

    Raises OutputError when the file belongs to another model or is damaged.
    """
    try:
        with path.open("rb") as file, np.load(file) as stored:
            arrays = [stored[f"variable_{index}"] for index in range(len(stored.files) - 1)]
            history: list[dict[str, float]] = json.loads(str(stored["history"]))
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise OutputError(
            f"checkpoint {path} cannot be read ({error}): start again with --fresh or choose another folder"
        ) from None
    if [array.shape for array in arrays] != [tuple(variable.shape) for variable in variables]:
        raise OutputError(f"checkpoint {path} is of another model: start again with --fresh or choose another folder")
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
    return history


class BestWeights:
    """The weights of the best epoch so far: in a file beside the checkpoint, or in memory where there is none."""

    def __init__(self, variables: Sequence[Any], checkpoint: Path | None) -> None:
        self._variables = list(variables)
        self._path = checkpoint and checkpoint.with_suffix(".best.npz")
        self._arrays: list[Any] | None = None

    def keep(self) -> None:
        """Remembers the weights of now."""
        if self._path is None:
            self._arrays = [variable.numpy() for variable in self._variables]
        else:
            save_checkpoint(self._path, self._variables, [])

    def restore(self) -> None:
        """Puts what was remembered last into the variables; raises OutputError where the file is gone or damaged."""
        if self._path is not None:
            load_checkpoint(self._path, self._variables)
            return
        for variable, array in zip(self._variables, self._arrays or [], strict=True):
            variable.assign(array)
