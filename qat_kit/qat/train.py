"""Fine-tuning of a simulated model: ranges follow the weights for a while, then stand still."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from qat_kit.datasets import Split
from qat_kit.errors import SettingsError
from qat_kit.progress import Progress, SilentProgress
from qat_kit.qat.diagnosis import explosion
from qat_kit.qat.options import QatOptions
from qat_kit.qat.schedules import BitSchedule, FreezeSchedule
from qat_kit.qat.selection import FileEvaluator, Judge
from qat_kit.results import QatModel
from qat_kit.simulation import Calibrator, fold_trained, has_live_batch_norm
from qat_kit.simulation.walk import quantized_layers
from qat_kit.training import Distillation, History, TrainingSettings, fit
from qat_kit.vocabulary import Scores

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
    options: QatOptions | None = None,
    estimator: str = "min_max",
    validation: Split | None = None,
    teacher: tf_keras.Model | None = None,
    scores: Scores | tuple[Scores, ...] = "logits",
    judge: Judge | None = None,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
    strategy: Any = None,
) -> tuple[QatModel, History]:
    """Trains a simulated model; returns the trained one, and loss, validation loss and further figures of each epoch.

    Its ranges are measured anew on `calibration` before each epoch of the first two thirds (before the first, the
    simulate stage has done so), and frozen for the rest. Between epochs nothing moves them: a killed training goes on
    as if it had run through. The model is trained in place, unless it has live batch norm: that is folded behind the
    first two thirds, and the rest trains the folded model, which is a new one, at a tenth of the learning rate; only
    the rest is measured as a file, and selected from.

    teacher: the float model, where `options` distil; scores: what its outputs hold, or what each of them does. judge:
    gives the figures of outputs on validation data, beside those of the file that are known of every model. strategy: a
    `tf.distribute` strategy whose replicas share each batch, as in `training.fit`.

    Raises SettingsError where options want a teacher or validation data and there are none, before the first step.
    """
    options, progress = options or QatOptions(), progress or SilentProgress()
    settings, options = _checked(settings, options, validation, teacher, progress)
    frozen_from = max(1, round(settings.epochs * _FREEZE_AFTER))
    run = _Training(
        data=data,
        loss=loss,
        options=options,
        validation=validation,
        judge=judge,
        distillation=_distillation(options, teacher, scores),
        calibrate=lambda model: Calibrator(model, estimator=estimator),
        calibration=calibration,
        num_epochs=settings.epochs,
        frozen_from=frozen_from,
        progress=progress,
        strategy=strategy,
    )
    if not has_live_batch_norm(qat.model):
        return qat, run.fit(qat, settings, checkpoint, first_epoch=0)
    unselected = replace(settings, epochs=frozen_from, select_by=None, patience=None, average_decay=None)
    history = run.fit(qat, unselected, checkpoint, first_epoch=0)
    # The statistics have moved with the last epoch, too.
    Calibrator(qat.model, estimator=estimator)(calibration, again=True)
    qat = fold_trained(qat)
    rest = replace(
        settings,
        epochs=settings.epochs - len(history),
        learning_rate=settings.learning_rate * _FOLDED_LEARNING_RATE,
        warm_up_epochs=0.0,
    )
    folded = checkpoint and checkpoint.with_suffix(".folded.npz")
    return qat, history + run.fit(qat, rest, folded, first_epoch=frozen_from)


class _Training:
    """What both parts of a training have in common: data, options, and how many epochs there are in all."""

    def __init__(
        self,
        *,
        data: Split,
        loss: Callable[[Any, Any], Any],
        options: QatOptions,
        validation: Split | None,
        judge: Judge | None,
        distillation: Distillation | None,
        calibrate: Callable[[tf_keras.Model], Calibrator],
        calibration: Sequence[Sequence[np.ndarray]],
        num_epochs: int,
        frozen_from: int,
        progress: Progress,
        strategy: Any,
    ) -> None:
        self.data, self.loss, self.options, self.validation = data, loss, options, validation
        self.judge, self.distillation, self.calibrate, self.calibration = judge, distillation, calibrate, calibration
        self.num_epochs, self.frozen_from, self.progress = num_epochs, frozen_from, progress
        self.strategy = strategy

    def fit(self, qat: QatModel, settings: TrainingSettings, checkpoint: Path | None, *, first_epoch: int) -> History:
        """Trains from epoch `first_epoch` of the whole on, which is epoch 0 of this part."""
        model, calibrator = qat.model, self.calibrate(qat.model)
        bits = BitSchedule(model, self.options.bits, until=self.frozen_from)
        freeze = FreezeSchedule(model, self.options.freeze, epochs=self.num_epochs)

        def before_epoch(epoch: int) -> None:
            whole = first_epoch + epoch
            freeze(whole)
            bits(whole)
            if 0 < whole < self.frozen_from:
                calibrator(self.calibration, again=True)

        with self._figures(qat, settings, first_epoch, bits) as figures:
            return fit(
                model,
                self.data,
                loss=self.loss,
                settings=settings,
                validation=self.validation,
                checkpoint=checkpoint,
                before_epoch=before_epoch,
                figures=figures,
                penalty=(lambda trained: self.options.penalty * weight_error(trained))
                if self.options.penalty
                else None,
                distillation=self.distillation,
                explain=lambda batch: explosion(model, batch),
                description="quantization-aware training",
                progress=self.progress,
                strategy=self.strategy,
            )

    @contextlib.contextmanager
    def _figures(self, qat: QatModel, settings: TrainingSettings, first_epoch: int, bits: BitSchedule) -> Any:
        """What is measured behind each epoch; None where nothing is."""
        every = 0 if has_live_batch_norm(qat.model) else self.options.evaluate_every
        board = None
        if self.options.log_folder is not None:
            from qat_kit.qat.board import Board

            board = Board(self.options.log_folder)
        with contextlib.ExitStack() as stack:
            evaluator = None
            if every and self.validation is not None:
                evaluator = stack.enter_context(FileEvaluator(qat, self.validation, loss=self.loss, judge=self.judge))

            def figures(epoch: int, found: dict[str, float]) -> dict[str, float]:
                whole, more = first_epoch + epoch, {}
                due = bool(every) and ((whole + 1) % every == 0 or epoch + 1 == settings.epochs)
                if evaluator is not None and due and bits.is_final(whole):
                    more = evaluator()
                    parts = ", ".join(f"{name} {value:.4g}" for name, value in {**found, **more}.items())
                    self.progress.say(f"  epoch {whole + 1}: {parts}")
                if board is not None:
                    board.write(whole, {**found, **more}, qat.model)
                return more

            yield figures if evaluator is not None or board is not None else None


def weight_error(model: tf_keras.Model) -> Any:
    """`Σ mean((w − ŵ)²) / mean(w²)` over all kernels of a simulated model; its gradient draws each weight to its ŵ."""
    terms = []
    for layer in quantized_layers(model):
        if layer.kernel is not None:
            kernel = tf.convert_to_tensor(layer.kernel)
            error = tf.reduce_mean(tf.square(kernel - tf.stop_gradient(layer.quantized_kernel())))
            terms.append(error / (tf.stop_gradient(tf.reduce_mean(tf.square(kernel))) + 1e-12))
    return tf.add_n(terms) if terms else tf.constant(0.0)


def _checked(
    settings: TrainingSettings,
    options: QatOptions,
    validation: Split | None,
    teacher: tf_keras.Model | None,
    progress: Progress,
) -> tuple[TrainingSettings, QatOptions]:
    """Both as they will be used; raises SettingsError where something that they want is not there."""
    if options.distils and teacher is None:
        raise SettingsError("distillation needs the float model: give it as `teacher`, or set distillation_weight to 0")
    wants_file = settings.select_by is not None and settings.select_by.startswith(("int8_", "simulated_"))
    if wants_file and not options.evaluate_every:
        options = replace(options, evaluate_every=1)
    if validation is None and settings.select_by is not None and settings.select_by != "loss":
        if not options.fallback_to_last:
            raise SettingsError(
                f"select_by = {settings.select_by!r} needs validation data, and there are none: give some, or set "
                "fallback_to_last to keep the last epoch"
            )
        progress.say("  no validation data: the last epoch is kept, and nothing is selected")
        settings = replace(settings, select_by=None, patience=None)
    elif validation is None and options.evaluate_every:
        progress.say("  no validation data: the int8 file is not measured between epochs")
    return settings, options


def _distillation(
    options: QatOptions, teacher: tf_keras.Model | None, scores: Scores | tuple[Scores, ...]
) -> Distillation | None:
    if not options.distils or teacher is None:
        return None
    return Distillation(
        teacher=teacher,
        scores=scores,
        weight=options.distillation_weight,
        temperature=options.temperature,
        features=options.features,
        feature_weight=options.feature_weight,
    )
