"""Arrays in an .npz file."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.errors import DataError


def read_npz(path: Path) -> dict[str, NDArray[Any]]:
    """All arrays of an .npz file by name. Raises DataError when it is missing, damaged or holds Python objects."""
    try:
        # Opened here, since NumPy leaves a file open that proves to be damaged.
        with path.open("rb") as file, np.load(file) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"could not read {path}: {error}") from None
