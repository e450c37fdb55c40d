"""What every contender is given: a folder with one trained float model, its data, and how long to fine-tune.

Needs NumPy alone, since contenders run in environments of their own. A contender is called as

    python CONTENDER.py METHOD FOLDER OUT

and writes the file OUT. What its user would have to write stands between `# user` and `# end`, where the scoreboard
counts the lines.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Subject:
    """One model to quantize.

    folder: holds `float.keras`, `plain.h5` (the same without its random layers), `augment.keras` (those layers, where
    there are any), `float32.tflite` and `calibration.npz`. train, validation: (inputs, labels). calibration: inputs.
    input_name: of the float file's signature.
    """

    folder: Path
    train: tuple[Any, Any]
    validation: tuple[Any, Any]
    calibration: Any
    epochs: int
    batch_size: int
    learning_rate: float
    from_logits: bool
    seed: int
    input_name: str


def main(methods: dict[str, Callable[[Subject, Path], None]]) -> None:
    """Runs the method that the command names; prints the peak of memory of the largest of its processes, as JSON."""
    name, folder, out = sys.argv[1:]
    methods[name](read(Path(folder)), Path(out))
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    own = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    print(json.dumps({"peak_kib": max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)}))


def read(folder: Path) -> Subject:
    settings = json.loads((folder / "subject.json").read_text(encoding="utf-8"))
    with np.load(folder / "data.npz") as data:
        return Subject(
            folder=folder,
            train=(data["x_train"], data["y_train"]),
            validation=(data["x_validation"], data["y_validation"]),
            calibration=data["x_calibration"],
            **settings,
        )
