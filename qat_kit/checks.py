"""Whether data and model fit each other and the task, before any time is spent."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.datasets import Dataset, Split, as_split, label_arrays
from qat_kit.errors import DataError, ModelError
from qat_kit.vocabulary import Task

if TYPE_CHECKING:
    import tf_keras

_PURPOSES = ("train", "calibration", "validation", "test")


def check_dataset(dataset: Dataset, *tasks: Task) -> Dataset:
    """The dataset with every split checked (see `as_split`), one-hot labels of classes turned into integers.

    tasks: of each output.
    """

    def checked(purpose: str) -> Split:
        return _with_checked_labels(as_split(getattr(dataset, purpose), purpose=purpose), purpose, tasks)

    return replace(
        dataset,
        train=checked("train"),
        calibration=Split(inputs=as_split(dataset.calibration, purpose="calibration", needs_labels=False).inputs),
        validation=checked("validation"),
        test=checked("test"),
    )


def check_model_fits(model: tf_keras.Model, dataset: Dataset, *tasks: Task) -> None:
    """Raises ModelError or DataError where shapes or labels do not fit the model, naming input, output or label."""
    if len(model.outputs) != len(tasks):
        raise ModelError(
            f"model {model.name!r} has {len(model.outputs)} outputs ({', '.join(model.output_names)}), and "
            f"{len(tasks)} are to be trained and measured: say what each is for (`Recipe.further`), or make a model of "
            "the output that matters, `tf_keras.Model(model.inputs, output)`"
        )
    for purpose in _PURPOSES:
        split: Split = getattr(dataset, purpose)
        _check_inputs(model, split, purpose)
        if split.labels is None:
            continue
        for task, tensor, name, labels in zip(
            tasks, model.outputs, model.output_names, label_arrays(split.labels), strict=True
        ):
            if task not in ("classification", "segmentation"):
                continue
            num_classes = max(2, int(tensor.shape[-1]))
            wrong = np.flatnonzero((labels < 0) | (labels >= num_classes))
            if len(wrong):
                raise DataError(
                    f"{purpose} data: label {labels.flat[wrong[0]]} of sample {wrong[0] * len(labels) // labels.size} "
                    f"is out of range; {_shown(name, tasks, 'the model')} has {num_classes} classes, 0 to "
                    f"{num_classes - 1}"
                )


def _shown(name: str, tasks: tuple[Task, ...], otherwise: str) -> str:
    """The output that is meant, where there are several."""
    return f"output {name!r}" if len(tasks) > 1 else otherwise


def labels_of(split: Split) -> NDArray[Any]:
    """The labels of the first output; raises DataError when there are none."""
    if split.labels is None:
        raise DataError("this data has no labels, and training and measuring need them: pass (inputs, labels)")
    return label_arrays(split.labels)[0]


def _check_inputs(model: tf_keras.Model, split: Split, purpose: str) -> None:
    if len(split.inputs) != len(model.inputs):
        raise DataError(f"{purpose} data has {len(split.inputs)} inputs, the model takes {len(model.inputs)}")
    for tensor, array in zip(model.inputs, split.inputs, strict=True):
        wanted, received = tuple(tensor.shape[1:]), array.shape[1:]
        if len(wanted) != len(received) or any(
            size not in (None, other) for size, other in zip(wanted, received, strict=True)
        ):
            raise DataError(
                f"{purpose} data has samples of shape {list(received)}, input {tensor.node.layer.name!r} of the model "
                f"takes {list(wanted)}"
            )


def _with_checked_labels(split: Split, purpose: str, tasks: tuple[Task, ...]) -> Split:
    labels_of(split)
    arrays = label_arrays(split.labels)
    if len(arrays) != len(tasks):
        raise DataError(f"{purpose} data has labels for {len(arrays)} outputs, and there are {len(tasks)}")
    checked = tuple(
        _checked_labels(labels, len(split), purpose, task) for labels, task in zip(arrays, tasks, strict=True)
    )
    return replace(split, labels=checked if len(checked) > 1 else checked[0])


def _checked_labels(labels: NDArray[Any], count: int, purpose: str, task: Task) -> NDArray[Any]:
    """The labels of one output, as its loss takes them."""
    given = labels
    if not (np.issubdtype(labels.dtype, np.number) or labels.dtype == bool):
        raise DataError(f"{purpose} data: labels must be numbers, received dtype {labels.dtype}")
    if task in ("segmentation", "tagging", "verification"):
        return _whole(labels, purpose)
    if task != "classification":
        if not np.isfinite(labels).all():
            raise DataError(f"{purpose} data: labels hold NaN or infinity")
        return labels.astype(np.float32)
    if labels.ndim == 2 and labels.shape[1] > 1:
        if not (np.isin(labels, (0, 1)).all() and (labels.sum(axis=1) == 1).all()):
            raise DataError(f"{purpose} data: labels of shape {list(labels.shape)} are not one-hot")
        labels = labels.argmax(axis=1)
    labels = labels.reshape(-1)
    if len(labels) != count:
        raise DataError(f"{purpose} data: {count} samples, but labels of shape {list(given.shape)}")
    return _whole(labels, purpose)


def _whole(labels: NDArray[Any], purpose: str) -> NDArray[np.int64]:
    if not np.array_equal(labels, np.floor(labels)):
        raise DataError(f"{purpose} data: labels of classes must be integers, received {labels.dtype}")
    return labels.astype(np.int64)
