"""The figures of the real file: the simulated model is converted behind an epoch and runs on LiteRT."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from qat_kit.convert.converter import packed_ops
from qat_kit.convert.job import Job
from qat_kit.convert.server import ConverterServer
from qat_kit.datasets import Split, label_arrays
from qat_kit.measure import evaluate_all
from qat_kit.results import QatModel
from qat_kit.simulation import export_simulated, trained_tensors
from qat_kit.vocabulary import KernelSet

_BATCH = 256

# (Outputs by name, samples) → figures by name.
Judge = Callable[[Mapping[str, NDArray[Any]], Split], Mapping[str, float]]


class FileEvaluator:
    """`int8_loss`, and `int8_accuracy` where labels are classes, beside `simulated_accuracy`, on validation data.

    Of a model with several outputs the loss is that of all, and the accuracies are the first output's. judge: (outputs
    by name, samples) → further figures, which join as `int8_…` and `simulated_…`.
    The file is the one that would be shipped, on the kernels of the model's target (the reference ones where it has
    none). Use it in a `with` statement: it keeps a converting process.
    """

    def __init__(
        self, qat: QatModel, validation: Split, *, loss: Callable[[Any, Any], Any], judge: Judge | None = None
    ) -> None:
        self._qat, self._validation, self._loss, self._judge = qat, validation, loss, judge
        self._server = ConverterServer()
        self._kernel_set: KernelSet = qat.target.kernel_set or "reference"

    def __enter__(self) -> FileEvaluator:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()

    def __call__(self) -> dict[str, float]:
        """The figures of the model as it is now."""
        model, validation = self._qat.model, self._validation
        with tempfile.TemporaryDirectory(prefix="qat_kit_epoch_") as name:
            folder = Path(name)
            path = self._server.convert(
                Job(
                    saved_model=export_simulated(model, folder / "saved_model"),
                    output=folder / "epoch.tflite",
                    mode="int16x8_from_qat" if self._qat.is_wide else "int8_from_qat",
                    interface="int16" if self._qat.is_wide else "int8",
                    trained=trained_tensors(model).save(folder / "tensors.json"),
                    packed_ops=packed_ops(self._qat.target),
                )
            )
            inputs = dict(zip(model.input_names, validation.inputs, strict=True))
            found = evaluate_all(path, inputs, kernel_set=self._kernel_set)
        outputs = [found[name] for name in model.output_names] if len(found) > 1 else list(found.values())
        answers, wanted = outputs[0], label_arrays(validation.labels)
        several = len(outputs) > 1
        losses = self._loss(
            tf.nest.map_structure(tf.constant, wanted if several else wanted[0]),
            tf.nest.map_structure(tf.constant, outputs if several else answers),
        )
        figures = {"int8_loss": float(tf.reduce_mean(losses))}
        labels = _classes(wanted[0], answers)
        if labels is None and self._judge is None:
            return figures
        batches = [tf.nest.flatten(model.predict_on_batch(_feed(batch))) for batch in validation.batches(_BATCH)]
        simulated = [np.concatenate(each) for each in zip(*batches, strict=True)]
        if labels is not None:
            figures["int8_accuracy"] = float(np.mean(np.argmax(answers, axis=-1) == labels))
            figures["simulated_accuracy"] = float(np.mean(np.argmax(simulated[0], axis=-1) == labels))
        if self._judge is not None:
            for form, arrays in (("int8", outputs), ("simulated", simulated)):
                by_name = dict(zip(model.output_names, arrays, strict=True))
                figures |= {f"{form}_{name}": value for name, value in self._judge(by_name, validation).items()}
        return figures


def _classes(labels: NDArray[Any], answers: NDArray[np.float32]) -> NDArray[Any] | None:
    """The class of each sample; None where labels are no classes."""
    if answers.ndim != 2 or answers.shape[1] < 2:
        return None
    if labels.dtype.kind in "iub" and labels.size == len(answers):
        return labels.reshape(-1)
    return None


def _feed(inputs: tuple[Any, ...]) -> Any:
    return inputs[0] if len(inputs) == 1 else list(inputs)
