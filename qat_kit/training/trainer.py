"""The training loop: Adam with warm-up and cosine decay, resumable at every epoch."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tf_keras

from qat_kit.datasets import Split
from qat_kit.errors import ModelError
from qat_kit.progress import Progress, SilentProgress
from qat_kit.training.averaging import WeightAverage
from qat_kit.training.checkpoint import BestWeights, load_checkpoint, save_checkpoint
from qat_kit.training.determinism import epoch_seed, seed_random_layers
from qat_kit.training.distillation import Distillation
from qat_kit.training.replicas import Replicas
from qat_kit.training.settings import History, TrainingSettings, best_epoch, is_over
from qat_kit.training.step import Loss, Steps, mean_loss

# Of a variable's name, what a weight decays by: biases, batch norms, steps and ranges do not.
_DECAYING = ("kernel", "depthwise_kernel", "embeddings")


def fit(
    model: tf_keras.Model,
    train: Split,
    *,
    loss: Loss,
    settings: TrainingSettings,
    validation: Split | None = None,
    checkpoint: Path | None = None,
    before_epoch: Callable[[int], None] | None = None,
    figures: Callable[[int, dict[str, float]], dict[str, float]] | None = None,
    penalty: Callable[[tf_keras.Model], Any] | None = None,
    distillation: Distillation | None = None,
    explain: Callable[[Split], str] | None = None,
    strategy: Any = None,
    description: str = "training",
    progress: Progress | None = None,
) -> History:
    """Trains `model` in place and returns loss, validation loss and further figures of each epoch.

    loss: (labels, outputs) → one value a sample. checkpoint: a file that is written after each epoch; when it is
    there already, training goes on behind its epoch and ends with the same weights as if it had run through.
    before_epoch: called with the epoch's number before its first step; it may freeze layers. figures: called behind
    the epoch with its number and figures, the weights in place that would be kept; what it returns joins the history.
    penalty: from the model to a scalar to be minimized beside the loss. explain: from the batch of a step whose
    objective is not finite to a sentence that says where it began. strategy: a `tf.distribute` strategy whose replicas
    share each batch; what is called between epochs sees the model as it would without one.

    Where `settings.select_by` names a figure, the model ends with the weights of the epoch that has the best one.

    Raises ModelError in the step in which the objective is NaN or infinite; the model and the checkpoint are then
    those of the end of the epoch before. And where no epoch has the figure that selects.
    """
    progress = progress or SilentProgress()
    steps = math.ceil(len(train) / settings.batch_size)
    replicas = Replicas(model, strategy)
    with replicas.strategy.scope():
        variables = replicas.trained.trainable_variables
        optimizer = _optimizer(settings, steps, variables)
        average = (
            WeightAverage(variables, settings.average_decay, places=model.trainable_variables)
            if settings.average_decay
            else None
        )
    state = [*model.variables, *optimizer.variables, *(average.variables if average else ())]
    history = load_checkpoint(checkpoint, state) if checkpoint and checkpoint.exists() else []
    best = BestWeights(model.variables, checkpoint)
    tracer = Steps(replicas, optimizer, loss, average=average, penalty=penalty, distillation=distillation)
    evaluate = mean_loss(replicas, loss)
    with progress.track(description, settings.epochs * steps) as advance:
        advance(len(history) * steps)
        for epoch in range(len(history), settings.epochs):
            if is_over(history, settings):
                break
            whole = [variable.numpy() for variable in state]
            if before_epoch is not None:
                before_epoch(epoch)
            replicas.push()
            seed_random_layers(replicas.trained, seed=settings.seed, epoch=epoch)
            order = np.random.default_rng(epoch_seed(settings.seed, epoch, "order")).permutation(len(train))
            step, total = tracer.current(), 0.0
            for start in range(0, len(train), settings.batch_size):
                batch = train.take(order[start : start + settings.batch_size])
                value, objective = step(*replicas.deal(batch)).numpy().tolist()
                if not math.isfinite(objective):
                    replicas.pull()
                    cause = explain(batch) if explain else ""
                    for variable, array in zip(state, whole, strict=True):
                        variable.assign(array)
                    raise ModelError(
                        f"{description}: the loss became {objective} in epoch {epoch + 1}, step "
                        f"{start // settings.batch_size + 1}{cause}; lower the learning rate (now "
                        f"{settings.learning_rate:g}) or check the labels. The epoch before is kept"
                    )
                total += value * len(batch)
                advance(1)
            replicas.pull()
            found = {"loss": total / len(train)}
            with average.lent() if average else contextlib.nullcontext():
                if validation is not None:
                    replicas.push()
                    found["validation_loss"] = evaluate(validation, settings.batch_size)
                found |= figures(epoch, found) if figures else {}
                history.append(found)
                if settings.select_by and best_epoch(history, settings.select_by) == epoch:
                    best.keep()
            if checkpoint:
                save_checkpoint(checkpoint, state, history)
    _finish(settings, history, best, average)
    return history


def _finish(settings: TrainingSettings, history: History, best: BestWeights, average: WeightAverage | None) -> None:
    """Puts the weights in place that are kept."""
    if settings.select_by is not None and settings.epochs:
        if best_epoch(history, settings.select_by) is None:
            known = sorted({name for figures in history for name in figures})
            raise ModelError(
                f"no epoch has the figure {settings.select_by!r} that was to select the best one; there are "
                f"{', '.join(known)}. Validation figures need validation data"
            )
        best.restore()
    elif average is not None:
        average.keep()


def _optimizer(settings: TrainingSettings, steps: int, variables: list[Any]) -> tf_keras.optimizers.Optimizer:
    optimizer = tf_keras.optimizers.Adam(
        _schedule(settings, steps), global_clipnorm=settings.clip_norm, weight_decay=settings.weight_decay
    )
    if settings.weight_decay is not None:
        kept = [variable for variable in variables if _last_name(variable) not in _DECAYING]
        optimizer.exclude_from_weight_decay(var_list=kept)
    optimizer.build(variables)
    return optimizer


def _last_name(variable: Any) -> str:
    name: str = variable.name.rpartition("/")[2]
    return name.partition(":")[0]


def _schedule(settings: TrainingSettings, steps: int) -> Any:
    warm_up = round(min(settings.warm_up_epochs, settings.epochs / 2) * steps)
    return tf_keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warm_up else settings.learning_rate,
        decay_steps=max(1, settings.epochs * steps - warm_up),
        warmup_target=settings.learning_rate if warm_up else None,
        warmup_steps=warm_up,
    )
