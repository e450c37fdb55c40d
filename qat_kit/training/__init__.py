"""Training of a Keras model that can be killed and goes on; knows nothing of quantization."""

from qat_kit.training.determinism import DETERMINISM, fix_randomness
from qat_kit.training.distillation import Distillation
from qat_kit.training.losses import joint_loss, loss_for
from qat_kit.training.settings import History, TrainingSettings
from qat_kit.training.trainer import fit

__all__ = [
    "DETERMINISM",
    "Distillation",
    "History",
    "TrainingSettings",
    "fit",
    "fix_randomness",
    "joint_loss",
    "loss_for",
]
