"""A model's integer forward pass beside its file on LiteRT, output by output."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np
import tensorflow as tf
import tf_keras

from qat_kit.convert.converter import packed_ops
from qat_kit.convert.job import Job
from qat_kit.convert.worker import run
from qat_kit.litert.interpreter import Interpreter, KernelSet
from qat_kit.numerics import fake_quantize
from qat_kit.prepare import prepare
from qat_kit.results import QatModel
from qat_kit.simulation import export_simulated, simulate, trained_tensors
from tests.support import models


class Difference(NamedTuple):
    """Of one output on one kernel set, between the file and the forward pass of training."""

    kernel_set: KernelSet
    output: str
    num_differing: int
    num_values: int
    largest_lsb: float


def differences(
    model: tf_keras.Model,
    folder: Path,
    *,
    scheme: Any = "w8a8",
    num_samples: int = 24,
    in_graph: bool = True,
    change: Callable[[tf_keras.Model], None] | None = None,
    kernel_sets: Iterable[KernelSet] = get_args(KernelSet),
    samples: Callable[..., list[np.ndarray]] = models.samples,
) -> list[Difference]:
    """Simulates, converts once, and compares on each kernel set; what simulation refuses is raised.

    in_graph: as training runs it; else operator by operator, which starts sooner. change: of the simulated model.
    samples: as `models.samples`; what the model takes in.
    """
    prepared = prepare(model)
    found = []
    for kernel_set in kernel_sets:
        calibration = [samples(prepared.model, 16)]
        qat = simulate(prepared, calibration, scheme=scheme, forward="integer", kernel_set=kernel_set)
        if change is not None:
            change(qat.model)
        path = folder / "model.tflite"
        if not path.exists():
            to_file(qat, path)
        interpreter = Interpreter(path, kernel_set=kernel_set)
        feed = on_grid(prepared.model, samples(prepared.model, num_samples, seed=5), interpreter)
        real = interpreter.run_real(feed)
        answers = answers_of(qat.model, list(feed.values()), in_graph=in_graph)
        for detail in interpreter.outputs:
            lsb = np.abs(answers[detail.name].astype(np.float64) - real[detail.name]) / detail.scale[0]
            wrong = int((answers[detail.name] != real[detail.name]).sum())
            found.append(Difference(kernel_set, detail.name, wrong, lsb.size, float(lsb.max())))
    return found


def to_file(qat: QatModel, path: Path) -> None:
    """Exports and converts as the convert stage does, the trained weights put in."""
    folder = path.parent / "saved_model"
    export_simulated(qat.model, folder)
    trained = trained_tensors(qat.model).save(path.parent / "tensors.json")
    run(Job(saved_model=folder, output=path, mode="int8_from_qat", trained=trained, packed_ops=packed_ops(qat.target)))


def on_grid(model: tf_keras.Model, arrays: list[np.ndarray], interpreter: Interpreter) -> dict[str, np.ndarray]:
    """Samples on the inputs' grids, some of them beyond the ranges, so that codes are clipped on the way."""
    params = {detail.name: detail.params for detail in interpreter.inputs}
    names = [tensor.node.layer.name for tensor in model.inputs]
    return {
        name: array if params[name] is None else fake_quantize(array * 1.5, params[name])
        for name, array in zip(names, arrays, strict=True)
    }


def answers_of(qat: tf_keras.Model, arrays: list[np.ndarray], *, in_graph: bool) -> dict[str, np.ndarray]:
    """A simulated model's outputs by name."""

    def infer(inputs: Any) -> Any:
        return qat(inputs, training=False)

    outputs = (tf.function(infer) if in_graph else infer)(arrays if len(arrays) > 1 else arrays[0])
    outputs = outputs if isinstance(outputs, list) else [outputs]
    return {name: output.numpy() for name, output in zip(qat.output_names, outputs, strict=True)}
