"""What all stages of a run share: the recipe, the folder, the names of its files, the scheme and the target."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qat_kit.convert.artifact import names_for
from qat_kit.folder import RunFolder
from qat_kit.progress import Progress
from qat_kit.recipe import Recipe
from qat_kit.schemes import get_scheme
from qat_kit.targets import get_target
from qat_kit.training import joint_loss, loss_for
from qat_kit.vocabulary import KernelSet

FLOAT_KERAS, QAT_KERAS = "float.keras", "qat.keras"
FLOAT_TFLITE = "model.float32.tflite"
TENSORBOARD = "tensorboard"
TENSORS, CERTIFICATE, MEASUREMENT = "tensors.json", "certificate.json", "measurement.json"
HISTORY, FLIPS = "training.json", "flips.npz"


class Job:
    """A recipe at work in a folder."""

    def __init__(self, recipe: Recipe, folder: RunFolder, progress: Progress) -> None:
        self.recipe = recipe
        self.settings = recipe.settings
        self.folder = folder
        self.path = folder.path
        self.progress = progress
        self.scheme = self.settings.scheme_for(get_scheme(self.settings.scheme))
        self.target = get_target(self.settings.target)
        self.tasks = tuple(head.task for head in recipe.heads)
        self.loss = joint_loss([head.loss or loss_for(head.task, head.scores) for head in recipe.heads])

    @property
    def kernel_set(self) -> KernelSet:
        """The LiteRT kernels that stand for the target here; the reference kernels where none do."""
        return self.target.kernel_set or "reference"

    @property
    def simulation(self) -> dict[str, Any]:
        """What the simulated model is to be."""
        settings = self.settings
        return {
            "scheme": self.scheme,
            "target": self.target,
            "forward": settings.forward,
            "kernel_set": settings.kernel_set,
            "rounding_noise": settings.rounding_noise,
        }

    @property
    def model_name(self) -> str:
        """What the file is called; its manifest says so, too."""
        return names_for(self.scheme.name).model

    @property
    def candidate(self) -> Path:
        """The int8 file until it has passed. It must not be called `model.tflite` yet."""
        return self.folder.work / "candidate.int8.tflite"
