"""A trained model as teacher: its answers, and what lies between, as targets beside the labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tensorflow as tf
import tf_keras

from qat_kit.errors import ModelError, SettingsError
from qat_kit.training.replicas import summed
from qat_kit.vocabulary import Scores


@dataclass(frozen=True, kw_only=True)
class Distillation:
    """What a student learns from a teacher, in place of a share of what it learns from labels.

        loss = (1 − weight) · loss(labels) + weight · T² · KL(softmax(teacher / T) ‖ softmax(student / T))
             + feature_weight · Σ mean((student feature − teacher feature)²) / mean(teacher feature²)

    teacher: a model with the same inputs and outputs, left as it is. scores: what its outputs hold, or what each of
    them does; of `values` the second term is the mean squared error. features: layers of both models whose outputs are
    compared.

    Raises SettingsError for numbers out of range.

    Source: Hinton et al. 2015, arXiv:1503.02531, section 2; Romero et al. 2015 (FitNets), arXiv:1412.6550.
    """

    teacher: tf_keras.Model
    scores: Scores | tuple[Scores, ...]
    weight: float = 0.5
    temperature: float = 4.0
    features: tuple[str, ...] = ()
    feature_weight: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.weight <= 1 or self.temperature <= 0 or self.feature_weight < 0:
            raise SettingsError(
                "distillation takes a weight from 0 to 1, a temperature above 0 and a feature_weight of 0 or more; "
                f"received {self.weight}, {self.temperature} and {self.feature_weight}"
            )

    def watched(self, model: tf_keras.Model) -> tf_keras.Model:
        """The model with its features as further outputs; raises ModelError for a layer that it has not."""
        names = [layer.name for layer in model.layers]
        missing = [name for name in self.features if name not in names]
        if missing:
            raise ModelError(f"model {model.name!r} has no layer {missing[0]!r} to distil; it has {', '.join(names)}")
        return tf_keras.Model(model.inputs, [*model.outputs, *(model.get_layer(name).output for name in self.features)])

    def loss(self, student: list[Any], teacher: list[Any], *, share: Any = 1.0) -> Any:
        """The terms of the teacher, for the outputs of both `watched` models; share: of the batch on this replica."""
        count = len(student) - len(self.features)
        answers = zip(student[:count], teacher[:count], strict=True)
        features = zip(student[count:], teacher[count:], strict=True)
        scores = self.scores if isinstance(self.scores, tuple) else (self.scores,) * count
        terms = [
            self.weight * answer_distance(*pair, scores=held, temperature=self.temperature)
            for pair, held in zip(answers, scores, strict=True)
        ]
        terms += [self.feature_weight * feature_distance(*pair, share=share) for pair in features]
        return tf.add_n(terms)


def answer_distance(student: Any, teacher: Any, *, scores: Scores, temperature: float) -> Any:
    """`T² · KL(teacher ‖ student)` at temperature T, the mean over samples; mean squared error of values.

    student, teacher: [samples, …, classes]; a single class is the score of class 1 of two.
    """
    if scores == "values":
        return tf.reduce_mean(tf.square(student - teacher))
    wanted, found = (_log_probabilities(outputs, scores) / temperature for outputs in (teacher, student))
    target = tf.nn.softmax(wanted)
    divergence = tf.reduce_sum(target * (tf.nn.log_softmax(wanted) - tf.nn.log_softmax(found)), axis=-1)
    return temperature**2 * tf.reduce_mean(divergence)


def feature_distance(student: Any, teacher: Any, *, share: Any = 1.0) -> Any:
    """The mean squared error, as a share of the teacher's mean square over the batch of all replicas."""
    power = summed(tf.reduce_mean(tf.square(teacher)) * share)
    return tf.reduce_mean(tf.square(student - teacher)) / (power + 1e-12)


def _log_probabilities(outputs: Any, scores: Scores) -> Any:
    """Scores of at least two classes, up to a constant for each sample."""
    smallest = tf_keras.backend.epsilon()
    if outputs.shape[-1] == 1:
        if scores == "logits":
            return tf.concat([tf.zeros_like(outputs), outputs], axis=-1)
        outputs = tf.concat([1.0 - outputs, outputs], axis=-1)
    return outputs if scores == "logits" else tf.math.log(tf.maximum(outputs, smallest))
