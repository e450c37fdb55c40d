"""EMBEDDING_LOOKUP: the rows of a table that a list of indices names, in every kernel set."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.kernels.call import Call
from qat_kit.kernels.movement import moved


def embedding_lookup(call: Call) -> tuple[NDArray[Any], ...]:
    """`table[indices]`. indices: input 0, one axis, from 0 up; table: input 1. The kernel does not look at the scales.

    Raises NotSimulatedError for a table whose rows come out as floats, and for an index outside the table, which
    LiteRT refuses too.

    Source: EvalSimple in tflite/kernels/embedding_lookup.cc.
    """
    indices, table = call.input(0).values.astype(np.int64), call.input(1)
    if table.type != call.output.type:
        raise call.refuse(f"a table of {table.type} and an output of {call.output.type}")
    if indices.size and (indices.min() < 0 or indices.max() >= table.shape[0]):
        raise call.refuse(f"indices {indices.min()} to {indices.max()} on a table of {table.shape[0]} rows")
    return moved(call, table.values[indices])
