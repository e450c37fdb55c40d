"""The samples on which a file answers otherwise than the float model, kept for people to look at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qat_kit.errors import DataError
from qat_kit.files import replacing

AT_MOST = 24


def save_flips(path: Path, inputs: NDArray[Any], labels: ArrayLike, before: ArrayLike, after: ArrayLike) -> int:
    """Writes 24 samples whose answers differ as an `.npz`, two thirds of them lost answers; returns how many differ.

    inputs: [samples, …]; labels: class numbers; before, after: scores [samples, classes] or of one column, whose middle
    is 0 (logits) and is not told here: such models have no flips kept. Nothing is written where nothing flipped.
    """
    scores = [np.asarray(values) for values in (before, after)]
    if scores[0].ndim != 2 or scores[0].shape[1] < 2:
        return 0
    wanted = np.asarray(labels).reshape(-1)
    old, new = (table.argmax(axis=1) for table in scores)
    flipped = np.flatnonzero(old != new)
    if len(flipped):
        is_lost = (old == wanted)[flipped]
        lost, others = flipped[is_lost], flipped[~is_lost]
        # As many of either as there are, where the other has too few.
        num_lost = max(AT_MOST * 2 // 3, AT_MOST - len(others))
        chosen = np.concatenate([lost[:num_lost], others[: AT_MOST - min(len(lost), num_lost)]])
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(
                file,
                inputs=inputs[chosen],
                labels=wanted[chosen],
                before=old[chosen],
                after=new[chosen],
                indices=chosen,
            )
    return len(flipped)


def load_flips(path: Path) -> dict[str, NDArray[Any]]:
    """What `save_flips` wrote; raises DataError for anything else."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in ("inputs", "labels", "before", "after", "indices")}
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise DataError(f"could not read {path} as samples that flipped: {error}") from None
