"""What each stage hands to the next: typed, frozen, free of TensorFlow.

What is kept as a file is a pydantic model, the same in JSON as in memory (`save`, `load`); what lives only within a
process is a dataclass and may hold a Keras model.
"""

from __future__ import annotations

from qat_kit.results.benchmark import BenchmarkResult, BenchmarkResults, benchmark_result
from qat_kit.results.certificate import Certificate, Check, Figures, Finding, Severity
from qat_kit.results.cost import Cost, EnergyEstimate, EthosU, Memory, OperatorCost, SizeLedger, TensorSize
from qat_kit.results.device import Agreement, DeviceState
from qat_kit.results.instructions import Instructions, Throughput
from qat_kit.results.measurement import (
    Comparison,
    DeviceMeasurement,
    DeviceMeasurements,
    Latency,
    Measurement,
    ModelMeasurement,
)
from qat_kit.results.models import PreparedModel, QatModel
from qat_kit.results.quality import ClassFigures, Difference, Figure, PairedTest, Quality
from qat_kit.results.record import Record
from qat_kit.results.robustness import RobustnessPoint, TrainTestGap
from qat_kit.results.tensors import TrainedTensor, TrainedTensors
from qat_kit.results.training import TrainingHistory

__all__ = [
    "Agreement",
    "BenchmarkResult",
    "BenchmarkResults",
    "Certificate",
    "Check",
    "ClassFigures",
    "Comparison",
    "Cost",
    "DeviceMeasurement",
    "DeviceMeasurements",
    "DeviceState",
    "Difference",
    "EnergyEstimate",
    "EthosU",
    "Figure",
    "Figures",
    "Finding",
    "Instructions",
    "Latency",
    "Measurement",
    "Memory",
    "ModelMeasurement",
    "OperatorCost",
    "PairedTest",
    "PreparedModel",
    "QatModel",
    "Quality",
    "Record",
    "RobustnessPoint",
    "Severity",
    "SizeLedger",
    "TensorSize",
    "Throughput",
    "TrainTestGap",
    "TrainedTensor",
    "TrainedTensors",
    "TrainingHistory",
    "benchmark_result",
]
