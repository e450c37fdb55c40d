"""`qat_kit.quantize`: a model in a notebook, from float to a proven int8 file."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.datasets import Dataset, Split, as_split, label_arrays, read_representative
from qat_kit.errors import DataError, SettingsError, UnknownNameError
from qat_kit.files import sha256
from qat_kit.keras_models import is_probability
from qat_kit.prepare import take_model
from qat_kit.prepare.reading import require_functional
from qat_kit.progress import Progress
from qat_kit.recipe import Head, Recipe, Settings
from qat_kit.run import RunResult, run
from qat_kit.vocabulary import Scores, Task

if TYPE_CHECKING:
    import tf_keras

_CALIBRATION_SAMPLES = 128


def quantize(
    model: Any,
    *,
    train_data: Any,
    validation_data: Any,
    calibration_data: Any = None,
    test_data: Any = None,
    scheme: str = "w8a8",
    target: str = "litert_xnnpack",
    task: Task | Mapping[str, Task] | None = None,
    loss: Callable[[Any, Any], Any] | Mapping[str, Callable[[Any, Any], Any]] | None = None,
    class_names: tuple[str, ...] = (),
    calibration_samples: int | None = None,
    out: Path | str | None = None,
    fresh: bool = False,
    progress: Progress | None = None,
    **settings: Any,
) -> RunResult:
    """Fine-tunes a trained model with quantization in the loop and returns its int8 file, certificate and figures.

    model: a trained Sequential or Functional model of tf_keras or Keras 3, or the path of one; it is left as it is.
    train_data, validation_data, test_data: (inputs, labels) as arrays, or a batched `tf.data.Dataset` of such pairs;
    several inputs, and the labels of several outputs, as dicts by name.
    test_data is what is measured; without it, validation_data.
    calibration_data: inputs that set the ranges, as `read_representative` takes them; without it, 128 samples of the
    training data (all of a smaller one). calibration_samples: how many to take, an error where there are fewer.
    task: `classification` (integer or one-hot labels), `regression`, `segmentation`, `pictures` or another of
    `measure.metrics`; without it, the labels' type decides between the first two.
    loss: (labels, outputs) → one value a sample; the task's own without it. Both by the output's name where there are
    several; their losses are added.
    out: the folder of the run; when it is killed, the same call goes on there. Without it, a temporary folder.
    settings: fields of `Settings`: qat_epochs, qat_learning_rate, batch_size, seed, num_threads, …;
    input_shapes fixes sizes that the model leaves open.

    Raises DataError, ModelError (UnsupportedLayerError names the layer), SchemeError; CertificateError when the file
    is not fully int8 (there is none then).

    >>> import numpy as np, tf_keras
    >>> model = tf_keras.Sequential([tf_keras.Input((4,)), tf_keras.layers.Dense(3, activation="softmax")])
    >>> inputs, labels = np.random.default_rng(0).normal(size=(60, 4)), np.arange(60) % 3
    >>> result = quantize(
    ...     model, train_data=(inputs, labels), validation_data=(inputs, labels), qat_epochs=1, num_latency_runs=5
    ... )
    >>> result.certificate.passed, result.artifact.path.name
    (True, 'model.tflite')
    """
    model = require_functional(take_model(model, input_shapes=settings.get("input_shapes")))
    names = tuple(tensor.node.layer.name for tensor in model.inputs)
    called: dict[str, Any] = {"input_names": names, "output_names": tuple(model.output_names)}
    train = as_split(train_data, purpose="train", **called)
    validation = as_split(validation_data, purpose="validation", **called)
    first, *further = _heads(model, train, task, loss)
    calibration, indices = _calibration(train, calibration_data, calibration_samples, names)
    dataset = Dataset(
        train=train,
        calibration=calibration,
        validation=validation,
        test=validation if test_data is None else as_split(test_data, purpose="test", **called),
        calibration_indices=indices,
        class_names=class_names,
    )
    recipe = Recipe(
        name=model.name,
        summary=f"the model {model.name}",
        task=first.task,
        scores=first.scores,
        loss=first.loss,
        further=tuple(further),
        load_data=lambda _: dataset,
        build_model=lambda _: model,
        settings=Settings(epochs=0).changed({"scheme": scheme, "target": target, **settings}),
        source_sha256=_identity(model, dataset),
    )
    folder = Path(tempfile.mkdtemp(prefix="qat_kit_")) if out is None else Path(out)
    return run(recipe, folder, fresh=fresh, progress=progress)


def _heads(model: tf_keras.Model, train: Split, task: Any, loss: Any) -> list[Head]:
    """What each output is for: as the user says by its name, else by its labels and by the layer that makes it."""
    names = model.output_names
    arrays = label_arrays(train.labels)
    if not arrays:
        raise DataError("train data has no labels: pass (inputs, labels)")
    if len(arrays) != len(names):
        raise DataError(f"train data has labels for {len(arrays)} outputs, and the model has {names}: a dict by name")
    tasks, losses = (_by_output(names, given, what) for given, what in ((task, "task"), (loss, "loss")))
    heads = []
    for name, tensor, labels in zip(names, model.outputs, arrays, strict=True):
        chosen = tasks.get(name) or _task_of(labels)
        heads.append(Head(task=chosen, scores=_scores_of(tensor, chosen), loss=losses.get(name)))
    return heads


def _by_output(names: list[str], given: Any, what: str) -> dict[str, Any]:
    """Output name → what was given for it. A task may be one for all; a loss must say which output it is for."""
    if isinstance(given, Mapping):
        unknown = [name for name in given if name not in names]
        if unknown:
            raise UnknownNameError("output", str(unknown[0]), names)
        return dict(given)
    if given is not None and what == "loss" and len(names) > 1:
        raise SettingsError(f"the model has the outputs {names}; give the losses by name: loss={{{names[0]!r}: …}}")
    return {} if given is None else dict.fromkeys(names, given)


def _task_of(labels: NDArray[Any]) -> Task:
    one_hot = labels.ndim == 2 and labels.shape[1] > 1 and bool(np.isin(labels, (0, 1)).all())
    return "classification" if one_hot or labels.dtype.kind in "iub" else "regression"


def _scores_of(output: Any, task: Task) -> Scores:
    """What an output holds, by its last layer; one that only names it is passed over."""
    if task not in ("classification", "segmentation", "tagging"):
        return "values"
    return "probabilities" if is_probability(output) else "logits"


def _calibration(train: Split, given: Any, count: int | None, names: tuple[str, ...]) -> tuple[Split, tuple[int, ...]]:
    """The calibration data, and which training samples it is where it was drawn from them."""
    if given is not None:
        return read_representative(given, num_samples=count, input_names=names), ()
    read_representative(train, num_samples=count)
    count = min(_CALIBRATION_SAMPLES, len(train)) if count is None else count
    indices = np.sort(np.random.default_rng(0).choice(len(train), size=count, replace=False))
    return train.take(indices), tuple(int(index) for index in indices)


def _identity(model: tf_keras.Model, dataset: Dataset) -> str:
    """A hash of weights and data, so that a folder's run is not taken for another model's."""
    weights = b"".join(np.ascontiguousarray(weight).tobytes() for weight in model.get_weights())
    parts = (sha256(weights), model.to_json(), dataset.train.sha256, dataset.test.sha256)
    return sha256("".join(parts).encode())
