"""`python -m qat_kit.measure.counted FILE KERNEL_SET`: what valgrind counts, a file that runs a few times."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable

import numpy as np

from qat_kit.litert.counting import Counter
from qat_kit.litert.interpreter import KERNEL_SETS, Interpreter

# How often one inference is counted, and how often it runs before: the first one lays things out.
READINGS, WARM_UP = 3, 10


def main() -> None:
    path, wanted = sys.argv[1:]
    interpreter = Interpreter(path, kernel_set=next(name for name in KERNEL_SETS if name == wanted))
    interpreter.run({detail.name: np.zeros(detail.shape, detail.dtype) for detail in interpreter.inputs})
    invoke: Callable[[], None] = interpreter.invoke
    gc.disable()
    for _ in range(WARM_UP):
        invoke()
    counter = Counter()
    for _ in range(READINGS):
        counter.start()
        invoke()
        counter.stop()


if __name__ == "__main__":
    main()
