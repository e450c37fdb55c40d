"""The runner: a recipe, stage by stage, in a folder that remembers what is done."""

from qat_kit.run.gates import refuse_poor_figures
from qat_kit.run.job import (
    CERTIFICATE,
    FLIPS,
    FLOAT_KERAS,
    FLOAT_TFLITE,
    HISTORY,
    MEASUREMENT,
    QAT_KERAS,
    TENSORBOARD,
    TENSORS,
)
from qat_kit.run.runner import RunResult, run, run_stages

__all__ = [
    "CERTIFICATE",
    "FLIPS",
    "FLOAT_KERAS",
    "FLOAT_TFLITE",
    "HISTORY",
    "MEASUREMENT",
    "QAT_KERAS",
    "TENSORBOARD",
    "TENSORS",
    "RunResult",
    "refuse_poor_figures",
    "run",
    "run_stages",
]
