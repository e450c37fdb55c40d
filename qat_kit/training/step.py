"""One step of training, traced: the objective, its gradients, and the update where the objective is finite."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf
import tf_keras

from qat_kit.training.averaging import WeightAverage
from qat_kit.training.distillation import Distillation

# (labels, outputs) → one value a sample.
Loss = Callable[[Any, Any], Any]


class Steps:
    """Makes steps for the variables that are trainable now, and traces anew where a layer was frozen meanwhile.

    penalty: a scalar that is added to the objective, traced with it.
    """

    def __init__(
        self,
        model: tf_keras.Model,
        optimizer: tf_keras.optimizers.Optimizer,
        loss: Loss,
        *,
        average: WeightAverage | None = None,
        penalty: Callable[[], Any] | None = None,
        distillation: Distillation | None = None,
    ) -> None:
        self._model, self._optimizer, self._loss = model, optimizer, loss
        self._average, self._penalty, self._distillation = average, penalty, distillation
        self._traced: dict[tuple[int, ...], Callable[..., Any]] = {}
        self._watched = distillation.watched(model) if distillation else None
        self._teacher = distillation.watched(distillation.teacher) if distillation else None

    def current(self) -> Callable[..., Any]:
        """(inputs, labels) → [the mean loss, the objective]. The step changes no weight where that is not finite."""
        key = tuple(id(variable) for variable in self._model.trainable_variables)
        if key not in self._traced:
            self._traced[key] = self._trace()
        return self._traced[key]

    def _trace(self) -> Callable[..., Any]:
        variables = self._model.trainable_variables

        def update(gradients: list[Any]) -> Any:
            self._optimizer.apply_gradients(zip(gradients, variables, strict=True))
            if self._average is not None:
                self._average.update()
            return True

        @tf.function(reduce_retracing=True)
        def step(inputs: tuple[Any, ...], labels: Any) -> Any:
            with tf.GradientTape() as tape:
                value, objective = self._objective(inputs, labels)
            gradients = tape.gradient(objective, variables)
            tf.cond(tf.math.is_finite(objective), lambda: update(gradients), lambda: False)
            return tf.stack([value, objective])

        traced: Callable[..., Any] = step
        return traced

    def _objective(self, inputs: tuple[Any, ...], labels: Any) -> tuple[Any, Any]:
        """(mean loss of the labels, what is minimized)."""
        given = feed(inputs)
        if self._distillation is None or self._watched is None or self._teacher is None:
            value = objective = tf.reduce_mean(self._loss(labels, self._model(given, training=True)))
        else:
            student = _as_list(self._watched(given, training=True))
            answers = student[: len(self._model.outputs)]
            value = tf.reduce_mean(self._loss(labels, answers if len(answers) > 1 else answers[0]))
            teacher = [tf.stop_gradient(output) for output in _as_list(self._teacher(given, training=False))]
            objective = (1.0 - self._distillation.weight) * value + self._distillation.loss(student, teacher)
        extra = [*self._model.losses, *([self._penalty()] if self._penalty else [])]
        return value, tf.add_n([objective, *extra])


def feed(inputs: tuple[Any, ...]) -> Any:
    """Arrays as a model takes them: one by itself, several in a list."""
    return inputs[0] if len(inputs) == 1 else list(inputs)


def _as_list(outputs: Any) -> list[Any]:
    return list(outputs) if isinstance(outputs, list | tuple) else [outputs]
