"""The real tflite-micro interpreter, as its wheel for desktops runs it: plain kernels, no CMSIS-NN."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.tflite import parse

# Beyond what any file of the tests needs; the interpreter takes it at once.
ARENA_SIZE_BYTES = 8 << 20


def run_on_micro(
    data: bytes, inputs: Sequence[NDArray[Any]], *, arena_size_bytes: int = ARENA_SIZE_BYTES
) -> list[NDArray[Any]]:
    """The outputs of one inference of a file, in the file's order.

    Skips the test where there is no wheel for the platform. RuntimeError where tflite-micro cannot run the file: an
    operator or a type that it has not, an arena too small; it says why on the standard error stream.
    """
    micro = pytest.importorskip("tflite_micro", reason="tflite-micro has wheels for Linux on x86-64 alone")
    interpreter = micro.runtime.Interpreter.from_bytes(bytes(data), arena_size=arena_size_bytes)
    for position, array in enumerate(inputs):
        interpreter.set_input(np.ascontiguousarray(array), position)
    interpreter.invoke()
    return [np.array(interpreter.get_output(position)) for position in range(len(parse(data).subgraphs[0].outputs))]
