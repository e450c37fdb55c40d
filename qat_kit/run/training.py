"""The stages that train: float, and with quantization."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.checks import check_model_fits
from qat_kit.datasets import Dataset, Split
from qat_kit.keras_models import load_model, save_model
from qat_kit.prepare import prepare, take_model
from qat_kit.qat import QatOptions, train
from qat_kit.recipe import Recipe, blaming
from qat_kit.results import TrainingHistory
from qat_kit.run.job import FLOAT_KERAS, HISTORY, QAT_KERAS, TENSORBOARD, TENSORS, Job
from qat_kit.run.judging import judge_outputs
from qat_kit.simulation import build_simulated, simulate, trained_tensors
from qat_kit.training import TrainingSettings, fit
from qat_kit.tuning import OPTION_FIELDS, TRAINING_FIELDS

_BATCH = 256


def train_float(job: Job, dataset: Dataset) -> None:
    """Writes the float model, trained for `epochs`."""
    settings = job.settings
    with blaming(f"build_model of recipe {job.recipe.name}"):
        model = job.recipe.build_model(settings)
    model = take_model(model, input_shapes=settings.input_shapes)
    # A model or scheme that cannot be quantized is refused before hours of training, not after.
    build_simulated(prepare(model, batch_norm=settings.batch_norm), **job.simulation)
    check_model_fits(model, dataset, *job.tasks)
    if settings.epochs:
        history = fit(
            model,
            dataset.train,
            loss=job.loss,
            settings=_training(job, settings.epochs, settings.learning_rate),
            validation=dataset.validation,
            checkpoint=job.folder.work / "float.npz",
            description="float training",
            progress=job.progress,
        )
        _keep_history(job, "float", history)
    save_model(model, job.path / FLOAT_KERAS)


def train_quantized(job: Job, dataset: Dataset) -> None:
    """Writes the simulated model, fine-tuned for `qat_epochs`, and what its tensors were trained as."""
    settings = job.settings
    calibration = list(dataset.calibration.batches(_BATCH))
    estimator = settings.range_estimator
    prepared = prepare(load_model(job.path / FLOAT_KERAS), batch_norm=settings.batch_norm)
    with job.progress.track("calibration", 1) as advance:
        qat = simulate(prepared, calibration, estimator=estimator, **job.simulation)
        advance(1)
    qat, history = train(
        qat,
        dataset.train,
        calibration=calibration,
        loss=job.loss,
        settings=replace(
            _training(job, settings.qat_epochs, settings.qat_learning_rate), **settings.values(TRAINING_FIELDS)
        ),
        options=QatOptions(
            **settings.values(OPTION_FIELDS), log_folder=job.path / TENSORBOARD if settings.tensorboard else None
        ),
        estimator=estimator,
        validation=dataset.validation,
        teacher=prepared.model,
        scores=tuple(head.scores for head in job.recipe.heads),
        judge=_judge(job.recipe),
        checkpoint=job.folder.work / "qat.npz",
        progress=job.progress,
    )
    _keep_history(job, "qat", history)
    save_model(qat.model, job.path / QAT_KERAS)
    trained_tensors(qat.model).save(job.path / TENSORS)


def _judge(recipe: Recipe) -> Any:
    """The figure that matters of outputs by name, as name → value, for choosing an epoch by it."""

    def judge(outputs: Mapping[str, NDArray[np.float32]], split: Split) -> dict[str, float]:
        quality = judge_outputs(recipe, outputs, split)
        name = recipe.figure or quality.headline
        return {name: quality.figures[name].value}

    return judge


def _training(job: Job, epochs: int, learning_rate: float) -> TrainingSettings:
    return TrainingSettings(
        epochs=epochs, batch_size=job.settings.batch_size, learning_rate=learning_rate, seed=job.settings.seed
    )


def _keep_history(job: Job, stage: str, history: list[dict[str, float]]) -> None:
    path = job.path / HISTORY
    kept = TrainingHistory.load(path).stages if path.exists() else {}
    TrainingHistory(stages={**kept, stage: tuple(history)}).save(path)
