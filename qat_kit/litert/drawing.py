"""Random inputs that any file can take: `draw`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def draw(shape: Sequence[int], dtype: np.dtype[Any], random: np.random.Generator) -> NDArray[Any]:
    """Codes drawn evenly over a type of 8 or 16 bits, standard normal numbers for floats, 0 and 1 for all else.

    Wide integers are indices: 0 and 1 are in range wherever anything is.

    >>> draw([2, 2], np.dtype(np.int64), np.random.default_rng(0)).max() <= 1
    np.True_
    """
    if dtype.kind == "f":
        return random.standard_normal(shape).astype(dtype)
    if dtype.kind == "b" or dtype.itemsize > 2:
        return random.integers(0, 2, shape).astype(dtype)
    limits = np.iinfo(dtype)
    return random.integers(limits.min, limits.max, shape, dtype, endpoint=True)
