"""What a model is worth and what it costs, on the kernels that will run it. Needs no TensorFlow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qat_kit.lazy import names_of
from qat_kit.measure.evaluate import evaluate, evaluate_all

if TYPE_CHECKING:
    from qat_kit.measure.latency import Runner, file_runner, measure_latency
    from qat_kit.measure.machine import environment
    from qat_kit.measure.quality import classification_quality, compare, regression_quality
    from qat_kit.measure.statistics import mcnemar_p_value, wilson_interval

# Where the other names live. They are imported on first use: scikit-learn takes a second, and a process that only runs
# a file (`processes`, `memory`) need not wait for it.
_HOMES = {
    "Runner": "latency",
    "classification_quality": "quality",
    "compare": "quality",
    "environment": "machine",
    "file_runner": "latency",
    "mcnemar_p_value": "statistics",
    "measure_latency": "latency",
    "regression_quality": "quality",
    "wilson_interval": "statistics",
}

__all__ = [
    "Runner",
    "classification_quality",
    "compare",
    "environment",
    "evaluate",
    "evaluate_all",
    "file_runner",
    "mcnemar_p_value",
    "measure_latency",
    "regression_quality",
    "wilson_interval",
]
__getattr__ = names_of(__name__, _HOMES)
