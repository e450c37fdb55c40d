"""Where the arrays of a public dataset come from: the user's folder, or the owner, with a cache."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from qat_kit.datasets.archive import read_npz
from qat_kit.errors import DataError

Arrays = Mapping[str, NDArray[Any]]

# A folder of NAME.npz files, which comes before any download.
VARIABLE = "QAT_KIT_DATA"


def no_download(origin: str) -> Arrays:
    """For what only its owner's programs read; raises DataError."""
    raise DataError(f"{origin} comes in a form that is not read here")


@dataclass(frozen=True, kw_only=True)
class PublicDataset:
    """A dataset of somebody else's.

    shapes: each array's name and its shape without the samples. download: gets the arrays from `origin`, checked and
    kept for the next time.
    """

    name: str
    origin: str
    licence: str
    shapes: Mapping[str, tuple[int, ...]]
    download: Callable[[], Arrays]

    def load(self) -> Arrays:
        """Its arrays, from $QAT_KIT_DATA/NAME.npz where there is one, else from its owner.

        Raises DataError when the file there does not hold the arrays, or when the owner cannot be reached.
        """
        folder = os.environ.get(VARIABLE)
        path = Path(folder).expanduser() / f"{self.name}.npz" if folder else None
        if path is not None and path.is_file():
            return self._checked(read_npz(path), str(path))
        return self._checked(self._downloaded(path), self.origin)

    def _downloaded(self, path: Path | None) -> Arrays:
        sys.stderr.write(f"downloading dataset {self.name!r} from {self.origin}; licence: {self.licence}\n")
        # Standard output is for what was asked for.
        with contextlib.redirect_stdout(sys.stderr):
            try:
                return self.download()
            # Keras wraps what urllib raises in a bare Exception.
            except Exception as error:
                looked = f"there is no {path}" if path is not None else f"${VARIABLE} is not set"
                raise DataError(
                    f"dataset {self.name!r} could not be downloaded from {self.origin} ({error}), and {looked}. Go "
                    f"online, or set {VARIABLE} to a folder that holds {self.name}.npz with the arrays "
                    f"{', '.join(self.shapes)}"
                ) from None

    def _checked(self, arrays: Arrays, where: str) -> Arrays:
        for name, shape in self.shapes.items():
            if name not in arrays:
                raise DataError(f"dataset {self.name!r} in {where} has no array {name!r}; it has {sorted(arrays)}")
            found = arrays[name].shape[1:]
            if found != shape:
                raise DataError(
                    f"dataset {self.name!r} in {where}: array {name!r} must have the shape [samples, "
                    f"{', '.join(map(str, shape))}], it has {list(arrays[name].shape)}"
                )
        return arrays
