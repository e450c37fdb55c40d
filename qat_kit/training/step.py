"""One step of training, traced: the objective, its gradients, and the update where the objective is finite."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf
import tf_keras

from qat_kit.datasets import Split
from qat_kit.training.averaging import WeightAverage
from qat_kit.training.distillation import Distillation
from qat_kit.training.replicas import Replicas, summed

# (labels, outputs) → one value a sample.
Loss = Callable[[Any, Any], Any]


class Steps:
    """Makes steps for the variables that are trainable now, and traces anew where a layer was frozen meanwhile.

    penalty: from a model to a scalar that is added to the objective, traced with it.
    """

    def __init__(
        self,
        replicas: Replicas,
        optimizer: tf_keras.optimizers.Optimizer,
        loss: Loss,
        *,
        average: WeightAverage | None = None,
        penalty: Callable[[tf_keras.Model], Any] | None = None,
        distillation: Distillation | None = None,
    ) -> None:
        self._replicas, self._model = replicas, replicas.trained
        self._optimizer, self._loss = optimizer, loss
        self._average, self._penalty, self._distillation = average, penalty, distillation
        self._traced: dict[tuple[int, ...], Callable[..., Any]] = {}
        self._watched = distillation.watched(self._model) if distillation else None
        self._teacher = distillation.watched(replicas.copy(distillation.teacher)) if distillation else None

    def current(self) -> Callable[..., Any]:
        """(inputs, labels, share) → [the mean loss, the objective], of the whole batch.

        The step changes no weight where that is not finite.
        """
        key = tuple(id(variable) for variable in self._model.trainable_variables)
        if key not in self._traced:
            self._traced[key] = self._trace()
        return self._traced[key]

    def _trace(self) -> Callable[..., Any]:
        variables = self._model.trainable_variables
        strategy = self._replicas.strategy

        def differentiated(inputs: tuple[Any, ...], labels: Any, share: Any) -> tuple[Any, list[Any]]:
            with tf.GradientTape() as tape:
                value, objective = (part * share for part in self._objective(inputs, labels, share))
            found = zip(tape.gradient(objective, variables), variables, strict=True)
            gradients = [gradient for gradient, _ in self._optimizer.aggregate_gradients(found)]
            return summed(tf.stack([value, objective])), gradients

        def apply(gradients: list[Any]) -> None:
            pairs = zip(gradients, variables, strict=True)
            # They are the sums over all replicas already, and are clipped as such.
            self._optimizer.apply_gradients(pairs, skip_gradients_aggregation=True)

        def update(gradients: list[Any]) -> Any:
            strategy.run(apply, args=(gradients,))
            if self._average is not None:
                with strategy.scope():
                    self._average.update()
            return True

        @tf.function(reduce_retracing=True)
        def step(inputs: Any, labels: Any, share: Any) -> Any:
            sums, gradients = strategy.run(differentiated, args=(inputs, labels, share))
            sums = strategy.experimental_local_results(sums)[0]
            tf.cond(tf.math.is_finite(sums[1]), lambda: update(gradients), lambda: False)
            return sums

        traced: Callable[..., Any] = step
        return traced

    def _objective(self, inputs: tuple[Any, ...], labels: Any, share: Any) -> tuple[Any, Any]:
        """(mean loss of the labels, what is minimized), of this replica's samples."""
        given = feed(inputs)
        if self._distillation is None or self._watched is None or self._teacher is None:
            value = objective = tf.reduce_mean(self._loss(labels, self._model(given, training=True)))
        else:
            student = _as_list(self._watched(given, training=True))
            answers = student[: len(self._model.outputs)]
            value = tf.reduce_mean(self._loss(labels, answers if len(answers) > 1 else answers[0]))
            teacher = [tf.stop_gradient(output) for output in _as_list(self._teacher(given, training=False))]
            taught = self._distillation.loss(student, teacher, share=share)
            objective = (1.0 - self._distillation.weight) * value + taught
        extra = [*self._model.losses, *([self._penalty(self._model)] if self._penalty else [])]
        return value, tf.add_n([objective, *extra])


def mean_loss(replicas: Replicas, loss: Loss) -> Callable[[Split, int], float]:
    """(samples, batch size) → the mean loss in inference."""

    def of_replica(inputs: tuple[Any, ...], labels: Any, weight: Any) -> Any:
        return summed(tf.reduce_sum(loss(labels, replicas.trained(feed(inputs), training=False))) * weight)

    @tf.function(reduce_retracing=True)
    def total(inputs: Any, labels: Any, weight: Any) -> Any:
        sums = replicas.strategy.run(of_replica, args=(inputs, labels, weight))
        return replicas.strategy.experimental_local_results(sums)[0]

    def mean(split: Split, batch_size: int) -> float:
        batches = (split.take(slice(start, start + batch_size)) for start in range(0, len(split), batch_size))
        return sum(float(total(*replicas.deal(batch)[:2], replicas.copies_weight(batch))) for batch in batches) / len(
            split
        )

    return mean


def feed(inputs: tuple[Any, ...]) -> Any:
    """Arrays as a model takes them: one by itself, several in a list."""
    return inputs[0] if len(inputs) == 1 else list(inputs)


def _as_list(outputs: Any) -> list[Any]:
    return list(outputs) if isinstance(outputs, list | tuple) else [outputs]
