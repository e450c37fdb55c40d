"""Fine-tuning of a simulated model: ranges follow the weights for a while, then stand still."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tf_keras

from qat_kit.datasets import Split
from qat_kit.progress import Progress
from qat_kit.results import QatModel
from qat_kit.simulation import Calibrator, fold_trained, has_live_batch_norm
from qat_kit.training import TrainingSettings, fit

# The last third of the epochs trains against ranges that no longer move.
_FREEZE_AFTER = 2 / 3
# Behind the folding of a live batch norm, where the optimizer starts anew near the end.
_FOLDED_LEARNING_RATE = 0.1


def train(
    qat: QatModel,
    data: Split,
    *,
    calibration: Sequence[Sequence[np.ndarray]],
    loss: Callable[[Any, Any], Any],
    settings: TrainingSettings,
    estimator: str = "min_max",
    validation: Split | None = None,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> tuple[QatModel, list[dict[str, float]]]:
    """Trains a simulated model; returns the trained one, and loss and validation loss of each epoch.

    Its ranges are measured anew on `calibration` before each epoch of the first two thirds (before the first, the
    simulate stage has done so), and frozen for the rest. Between epochs nothing moves them: a killed training goes on
    as if it had run through. The model is trained in place, unless it has live batch norm: that is folded behind the
    first two thirds, and the rest trains the folded model, which is a new one, at a tenth of the learning rate.
    """
    calibrator = Calibrator(qat.model, estimator=estimator)
    frozen_from = max(1, round(settings.epochs * _FREEZE_AFTER))

    def recalibrate(epoch: int) -> None:
        if 0 < epoch < frozen_from:
            calibrator(calibration)

    def fitted(model: tf_keras.Model, settings: TrainingSettings, checkpoint: Path | None) -> list[dict[str, float]]:
        return fit(
            model,
            data,
            loss=loss,
            settings=settings,
            validation=validation,
            checkpoint=checkpoint,
            before_epoch=recalibrate,
            description="quantization-aware training",
            progress=progress,
        )

    if not has_live_batch_norm(qat.model):
        return qat, fitted(qat.model, settings, checkpoint)
    history = fitted(qat.model, replace(settings, epochs=frozen_from), checkpoint)
    # The statistics have moved with the last epoch, too.
    calibrator(calibration)
    qat = fold_trained(qat)
    frozen_from = 0
    rest = replace(
        settings,
        epochs=settings.epochs - len(history),
        learning_rate=settings.learning_rate * _FOLDED_LEARNING_RATE,
        warm_up_epochs=0.0,
    )
    return qat, history + fitted(qat.model, rest, checkpoint and checkpoint.with_suffix(".folded.npz"))
