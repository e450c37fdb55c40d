"""Arrays that belong together, checked once when they come in."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.errors import DataError
from qat_kit.manifest import Preprocessing


@dataclass(frozen=True, kw_only=True)
class Split:
    """Samples of one purpose.

    inputs: one array a model input, each [samples, …], float32. labels: an array [samples, …]; a tuple of them, one an
    output, for a model of several; None where there are none.
    """

    inputs: tuple[NDArray[np.float32], ...]
    labels: Any = None

    def __len__(self) -> int:
        return len(self.inputs[0])

    def take(self, indices: NDArray[np.intp] | slice) -> Split:
        """The samples at these places, in this order."""
        return Split(
            inputs=tuple(array[indices] for array in self.inputs),
            labels=_each(lambda array: array[indices], self.labels),
        )

    def batches(self, batch_size: int) -> Iterator[tuple[NDArray[np.float32], ...]]:
        """The inputs in order, `batch_size` samples at a time; the last batch may be smaller."""
        for start in range(0, len(self), batch_size):
            yield tuple(array[start : start + batch_size] for array in self.inputs)

    @property
    def sha256(self) -> str:
        """The hash of all inputs and labels, shapes and types included."""
        digest = hashlib.sha256()
        for array in (*self.inputs, *label_arrays(self.labels)):
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


def label_arrays(labels: Any) -> tuple[NDArray[Any], ...]:
    """The labels of a split as one array an output; none where there are no labels."""
    if labels is None:
        return ()
    return labels if isinstance(labels, tuple) else (labels,)


def _each(function: Callable[[NDArray[Any]], NDArray[Any]], labels: Any) -> Any:
    """The function of each array of labels, in the form that they have."""
    if labels is None:
        return None
    return tuple(map(function, labels)) if isinstance(labels, tuple) else function(labels)


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Everything a recipe needs of its data. Calibration and test never share a sample.

    calibration_indices: which samples of the source calibrate, for the manifest. class_names: by label.
    preprocessing: how samples became the model's input, for the manifest and the file's metadata.
    """

    train: Split
    calibration: Split
    validation: Split
    test: Split
    calibration_indices: tuple[int, ...] = ()
    class_names: tuple[str, ...] = ()
    preprocessing: Preprocessing = field(default_factory=Preprocessing)

    def at_most(self, num_samples: int) -> Dataset:
        """Every split cut down to so many samples at most, evenly spaced."""

        def places(count: int) -> NDArray[np.intp]:
            return np.unique(np.linspace(0, count - 1, min(count, num_samples)).astype(np.intp))

        indices = self.calibration_indices
        return replace(
            self,
            train=self.train.take(places(len(self.train))),
            calibration=self.calibration.take(places(len(self.calibration))),
            validation=self.validation.take(places(len(self.validation))),
            test=self.test.take(places(len(self.test))),
            calibration_indices=tuple(indices[place] for place in places(len(indices))) if indices else (),
        )


def stratified_indices(labels: NDArray[Any], counts: Sequence[int], *, seed: int) -> list[NDArray[np.intp]]:
    """Disjoint groups of sample indices with `counts` members each, every class in proportion; sorted.

    The same labels, counts and seed give the same groups.

    >>> first, second = stratified_indices(np.array([0, 0, 0, 0, 1, 1]), [3, 3], seed=0)
    >>> len(first), len(second), sorted({*first.tolist(), *second.tolist()}) == list(range(6))
    (3, 3, True)
    """
    from sklearn.model_selection import train_test_split

    if sum(counts) > len(labels):
        raise DataError(f"asked for {sum(counts)} samples in {len(counts)} groups, there are {len(labels)}")
    remaining = np.arange(len(labels))
    groups: list[NDArray[np.intp]] = []
    for count in counts:
        if count == len(remaining):
            group, remaining = remaining, remaining[:0]
        else:
            group, remaining = train_test_split(
                remaining, train_size=count, stratify=labels[remaining], random_state=seed
            )
        groups.append(np.sort(group))
    return groups


def published(
    training: Split,
    test: Split,
    *,
    validation: int,
    calibration: int,
    seed: int,
    class_names: tuple[str, ...],
    preprocessing: Preprocessing | None = None,
) -> Dataset:
    """A dataset whose owners say what is for training and what for testing.

    Of the training samples, `validation` are kept apart; `calibration` of those that train set ranges, too.
    Each class is there in proportion. The same labels, counts and seed give the same samples.
    """
    labels = np.asarray(training.labels)
    kept, train = stratified_indices(labels, [validation, len(labels) - validation], seed=seed)
    (looked_at,) = stratified_indices(labels[train], [calibration], seed=seed)
    return Dataset(
        train=training.take(train),
        calibration=training.take(train[looked_at]),
        validation=training.take(kept),
        test=test,
        calibration_indices=tuple(int(index) for index in train[looked_at]),
        class_names=class_names,
        preprocessing=preprocessing or Preprocessing(),
    )


def as_split(
    data: Any,
    *,
    purpose: str,
    needs_labels: bool = True,
    input_names: Sequence[str] = (),
    output_names: Sequence[str] = (),
) -> Split:
    """Arrays, an (inputs, labels) pair, a dict of inputs or a `tf.data.Dataset` as a checked Split.

    A `tf.data.Dataset` must be batched; it is read into memory. input_names, output_names: the model's, in whose order
    the entries of a dict of inputs, or of labels, are taken. Raises DataError when there is nothing, counts differ, an
    input is missing, values are not numbers, or one is NaN or infinite.
    """
    if isinstance(data, Split):
        inputs, labels = data.inputs, data.labels
    elif hasattr(data, "as_numpy_iterator"):
        inputs, labels = _read_batches(data, purpose, input_names, output_names)
    elif needs_labels or (isinstance(data, tuple) and len(data) == 2):
        if not isinstance(data, tuple | list) or len(data) != 2:
            raise DataError(f"{purpose} data must be a pair (inputs, labels), received {type(data).__name__}")
        inputs, labels = as_arrays(data[0], purpose, input_names), _as_labels(data[1], purpose, output_names)
        if any(array.ndim == 0 for array in label_arrays(labels)):
            raise DataError(f"{purpose} data: labels must have one entry a sample, received {data[1]!r}")
    else:
        inputs, labels = as_arrays(data, purpose, input_names), None
    return _checked(inputs, labels, purpose)


def as_arrays(inputs: Any, purpose: str, input_names: Sequence[str] = ()) -> tuple[Any, ...]:
    """One array, a sequence of arrays or a dict of arrays by input, as a tuple with one entry an input."""
    if not isinstance(inputs, Mapping):
        return tuple(inputs) if isinstance(inputs, tuple | list) else (inputs,)
    if input_names and set(inputs) != set(input_names):
        raise DataError(
            f"{purpose} data has inputs {sorted(inputs)}, and the model's are {sorted(input_names)}; call them alike"
        )
    return tuple(inputs[name] for name in (input_names or inputs))


def _as_labels(labels: Any, purpose: str, output_names: Sequence[str]) -> Any:
    """Labels of one output as an array, those of several as a tuple of arrays in the model's order."""
    what = f"{purpose} data: the labels"
    if isinstance(labels, Mapping):
        if output_names and set(labels) != set(output_names):
            raise DataError(
                f"{purpose} data has labels for {sorted(labels)}, and the model's outputs are {list(output_names)}; "
                "call them alike"
            )
        labels = tuple(labels[name] for name in (output_names or labels))
        return tuple(_as_array(each, what) for each in labels) if len(labels) > 1 else _as_array(labels[0], what)
    if len(output_names) < 2:
        return _as_array(labels, what)
    if not isinstance(labels, tuple | list) or len(labels) != len(output_names):
        raise DataError(
            f"{purpose} data: the model has the outputs {list(output_names)}; give labels for each, as a dict by name"
        )
    return tuple(_as_array(each, what) for each in labels)


def _read_batches(
    dataset: Any, purpose: str, input_names: Sequence[str], output_names: Sequence[str]
) -> tuple[tuple[Any, ...], Any]:
    batches = list(dataset.as_numpy_iterator())
    if not batches:
        raise DataError(f"{purpose} data is empty: the dataset yields no batch")
    pairs = [batch if isinstance(batch, tuple) else (batch, None) for batch in batches]
    columns = zip(*(as_arrays(inputs, purpose, input_names) for inputs, _ in pairs), strict=True)
    given = [label_arrays(None if each is None else _as_labels(each, purpose, output_names)) for _, each in pairs]
    if any(array.ndim == 0 for array in given[0]):
        raise DataError(f"{purpose} data: a tf.data.Dataset must be batched; call `.batch(size)` on it")
    labels = tuple(np.concatenate(column) for column in zip(*given, strict=True))
    joined = tuple(np.concatenate(column) for column in columns)
    return joined, (labels if len(labels) > 1 else labels[0] if labels else None)


def _as_array(values: Any, what: str) -> NDArray[Any]:
    try:
        return np.asarray(values)
    except ValueError:
        raise DataError(f"{what} must be an array; its samples have different shapes") from None


def _checked(inputs: Sequence[Any], labels: Any, purpose: str) -> Split:
    arrays = []
    for index, values in enumerate(inputs):
        array = _as_array(values, f"{purpose} data: input {index}")
        if array.ndim == 0 or len(array) == 0:
            raise DataError(f"{purpose} data is empty: input {index} has shape {list(array.shape)}")
        if not (np.issubdtype(array.dtype, np.number) or array.dtype == bool):
            raise DataError(f"{purpose} data: input {index} must hold numbers, received dtype {array.dtype}")
        array = np.ascontiguousarray(array, np.float32)
        if not np.isfinite(array).all():
            sample = int(np.argwhere(~np.isfinite(array.reshape(len(array), -1)).all(axis=1))[0, 0])
            raise DataError(f"{purpose} data: input {index} holds NaN or infinity, first at sample {sample}; remove it")
        arrays.append(array)
    counts = {len(array) for array in (*arrays, *label_arrays(labels))}
    if len(counts) != 1:
        raise DataError(f"{purpose} data: inputs and labels have different counts of samples: {sorted(counts)}")
    return Split(inputs=tuple(arrays), labels=_each(np.asarray, labels))
