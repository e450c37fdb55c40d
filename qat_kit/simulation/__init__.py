"""The quantized model inside TensorFlow: where quantizers stand, what they compute, what is exported."""

from qat_kit.simulation.calibration import Calibrator
from qat_kit.simulation.export import export_simulated, trained_tensors
from qat_kit.simulation.fold import fold_trained, has_live_batch_norm
from qat_kit.simulation.simulate import build_simulated, simulate

__all__ = [
    "Calibrator",
    "build_simulated",
    "export_simulated",
    "fold_trained",
    "has_live_batch_norm",
    "simulate",
    "trained_tensors",
]
