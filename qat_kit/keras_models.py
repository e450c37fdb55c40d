"""Keras models as files and as something to measure."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras
from numpy.typing import ArrayLike, NDArray

from qat_kit.datasets import Split
from qat_kit.errors import DataError
from qat_kit.files import replacing
from qat_kit.measure import Runner
from qat_kit.measure.robustness import Perturbation
from qat_kit.results import QatModel
from qat_kit.schemes import QuantScheme

# Imported so that Keras knows our layers when it loads a file.
from qat_kit.simulation import wrapper as _registers_our_layers  # noqa: F401  # its import is the use
from qat_kit.targets import get_target

_BATCH = 256
# What a `.keras` file, which is a zip archive, holds of a QatModel beside the model.
_ABOUT = "qat_kit.json"


def save_model(model: tf_keras.Model, path: Path) -> None:
    """Writes a `.keras` file, whole or not at all."""
    with replacing(path) as temporary:
        model.save(temporary)


def load_model(path: Path) -> tf_keras.Model:
    """Reads a `.keras` file: a float model, or a simulated one with its quantizers; raises DataError for any other."""
    try:
        return tf_keras.models.load_model(path, compile=False)
    except (OSError, ValueError, TypeError, KeyError) as error:
        # A KeyError is how Keras meets a configuration of another version.
        raise DataError(f"could not load the Keras model {path}: {type(error).__name__}: {error}") from None


def save_qat(qat: QatModel, path: Path) -> Path:
    """Writes a simulated model to one `.keras` file, its scheme, target and origins within; returns `path`.

    Any Keras reads the model from it once `qat_kit.keras_models` is imported; `load_qat` reads all of it.
    """
    about = {"scheme": qat.scheme.to_json(), "target": qat.target.name, "origins": dict(qat.origins)}
    with replacing(path) as temporary:
        qat.model.save(temporary)
        with zipfile.ZipFile(temporary, "a") as archive:
            archive.writestr(_ABOUT, json.dumps(about))
    return path


def load_qat(path: Path) -> QatModel:
    """Reads what `save_qat` wrote, in any process, ready to be trained further or exported.

    Raises DataError for a file that is none, UnknownNameError where its target is of a plugin that is not installed.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            about = json.loads(archive.read(_ABOUT))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} is no model that save_qat wrote: {error}") from None
    return QatModel(
        model=load_model(path),
        scheme=QuantScheme.from_json(about["scheme"]),
        target=get_target(about["target"]),
        origins={layer: tuple(origins) for layer, origins in about["origins"].items()},
    )


def is_probability(output: Any) -> bool:
    """Whether a softmax or a sigmoid makes an output of a Functional model; a layer that only names it is passed over.

    >>> model = tf_keras.Sequential([tf_keras.Input((4,)), tf_keras.layers.Dense(2, activation="softmax")])
    >>> is_probability(model.outputs[0])
    True
    """
    last = output.node.layer
    while _activation(last) == "linear" and type(last).__name__ == "Activation":
        last = last.input.node.layer
    return _activation(last) in ("softmax", "sigmoid") or type(last).__name__ == "Softmax"


def _activation(layer: Any) -> str:
    return getattr(getattr(layer, "activation", None), "__name__", "")


def predict(model: tf_keras.Model, split: Split) -> NDArray[np.float32]:
    """The model's first output for every sample: [samples, …]."""
    return predict_all(model, split)[model.output_names[0]]


def predict_all(model: tf_keras.Model, split: Split) -> dict[str, NDArray[np.float32]]:
    """Every output for every sample: output name → [samples, …]."""
    names = list(model.output_names)
    answers: list[list[NDArray[np.float32]]] = [[] for _ in names]
    # Traced once for batches of any size: Keras' own predict is traced for each, and TensorFlow complains of that.
    specs = tuple(tf.TensorSpec([None, *array.shape[1:]], array.dtype) for array in split.inputs)
    infer = tf.function(lambda inputs: model(inputs, training=False)).get_concrete_function(_feed(specs))
    for batch in split.batches(_BATCH):
        outputs = infer(_feed(tuple(tf.constant(array) for array in batch)))
        if isinstance(outputs, dict):
            outputs = [outputs[name] for name in names]
        for kept, output in zip(answers, outputs if isinstance(outputs, list) else [outputs], strict=True):
            kept.append(np.asarray(output, np.float32))
    return {name: np.concatenate(kept) for name, kept in zip(names, answers, strict=True)}


def keras_runner(model: tf_keras.Model, split: Split) -> Runner:
    """One inference at batch 1 in TensorFlow, for timing."""
    sample = _feed(tuple(tf.constant(array[:1]) for array in split.inputs))
    infer = tf.function(lambda inputs: model(inputs, training=False))
    infer(sample)
    threads = tf.config.threading.get_intra_op_parallelism_threads() or len(os.sched_getaffinity(0))
    return Runner(kernel_set="keras", num_threads=threads, invoke=lambda: infer(sample))


def fast_gradient(model: tf_keras.Model, labels: ArrayLike, loss: Callable[[Any, Any], Any]) -> Perturbation:
    """The fast gradient sign method, for `measure_robustness`: each value one step up or down, as the loss rises.

        x + strength·range·sign(∂loss/∂x)

    model: with one input, real-valued, which the files were made of. labels: of the pictures, in their order. loss:
    (labels, outputs) → one value a sample.

    Source: Goodfellow, Shlens, Szegedy 2015, Explaining and harnessing adversarial examples, arXiv:1412.6572.
    """
    truth = np.asarray(labels)

    def disturb(pictures: Any, strength: float, limits: tuple[float, float], _: Any) -> NDArray[np.float32]:
        signs = []
        for start in range(0, len(pictures), _BATCH):
            batch = tf.constant(pictures[start : start + _BATCH], tf.float32)
            with tf.GradientTape() as tape:
                tape.watch(batch)
                total = tf.reduce_sum(loss(truth[start : start + _BATCH], model(batch, training=False)))
            signs.append(np.sign(tape.gradient(total, batch)))
        step = strength * (limits[1] - limits[0])
        return np.asarray(pictures + step * np.concatenate(signs), np.float32)

    strengths = (0.005, 0.01, 0.02, 0.04, 0.08)
    return Perturbation(name="fast gradient", unit="share of the range", strengths=strengths, disturb=disturb)


def _feed(inputs: tuple[Any, ...]) -> Any:
    return inputs[0] if len(inputs) == 1 else list(inputs)
