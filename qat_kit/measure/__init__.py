"""What a model is worth and what it costs, on the kernels that will run it. Needs no TensorFlow."""

from qat_kit.measure.evaluate import evaluate, evaluate_all
from qat_kit.measure.latency import Runner, file_runner, measure_latency
from qat_kit.measure.machine import environment
from qat_kit.measure.quality import classification_quality, compare, regression_quality
from qat_kit.measure.statistics import mcnemar_p_value, wilson_interval

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
