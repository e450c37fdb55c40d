"""What is trained is what runs: the integer forward pass against LiteRT, 0 LSB on every output, each kernel set."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from qat_kit.convert.job import Job
from qat_kit.convert.worker import run
from qat_kit.errors import SchemeError
from qat_kit.litert.interpreter import Interpreter, KernelSet
from qat_kit.numerics import fake_quantize
from qat_kit.prepare import prepare
from qat_kit.simulation import export_simulated, simulate
from tests.support import models, models_operations, models_resampling, models_sequences

PATTERNS = {
    **models.PATTERNS,
    **models_operations.PATTERNS,
    **models_resampling.PATTERNS,
    **models_sequences.PATTERNS,
}
FAST = ("add_relu", "depthwise_multiplier", "dense_softmax", "branches", "unet", "squeeze_and_excite", "global_average")
# One row each of what no kernel set of this forward pass computes.
UNCOVERED = {"conv_prelu": "PRELU", "shared_twice": "called at several places"}


def assert_equal_to_the_file(model: tf_keras.Model, folder: Path, *, num_samples: int = 24) -> None:
    prepared = prepare(model)
    calibration = [models.samples(prepared.model, 16)]
    path = folder / "model.tflite"
    for kernel_set in get_args(KernelSet):
        qat = simulate(prepared, calibration, forward="integer", kernel_set=kernel_set).model
        if not path.exists():
            export_simulated(qat, folder / "saved_model")
            run(Job(saved_model=folder / "saved_model", output=path, mode="int8_from_qat"))
        interpreter = Interpreter(path, kernel_set=kernel_set)
        feed = on_grid(model, prepared.model, interpreter, num_samples)
        real = interpreter.run_real(feed)
        answers = answers_of(qat, list(feed.values()))
        for detail in interpreter.outputs:
            differing = int((answers[detail.name] != real[detail.name]).sum())
            assert differing == 0, f"{kernel_set} {detail.name}: {differing} of {real[detail.name].size} differ"


def on_grid(model: Any, prepared: Any, interpreter: Interpreter, count: int) -> dict[str, np.ndarray]:
    """Samples on the inputs' grids, some of them beyond the ranges, so that codes are clipped on the way."""
    params = {detail.name: detail.params for detail in interpreter.inputs}
    names = [tensor.node.layer.name for tensor in model.inputs]
    arrays = models.samples(prepared, count, seed=5)
    return {
        name: array if params[name] is None else fake_quantize(array * 1.5, params[name])
        for name, array in zip(names, arrays, strict=True)
    }


def answers_of(qat: tf_keras.Model, arrays: list[np.ndarray]) -> dict[str, np.ndarray]:
    outputs = tf.function(lambda inputs: qat(inputs, training=False))(arrays if len(arrays) > 1 else arrays[0])
    outputs = outputs if isinstance(outputs, list) else [outputs]
    return {name: output.numpy() for name, output in zip(qat.output_names, outputs, strict=True)}


@pytest.mark.parametrize("name", FAST)
def test_the_file_computes_what_training_computed(name: str, tmp_path: Path) -> None:
    assert_equal_to_the_file(PATTERNS[name](), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in PATTERNS if name not in FAST])
def test_every_pattern_that_is_covered(name: str, tmp_path: Path) -> None:
    try:
        assert_equal_to_the_file(PATTERNS[name](), tmp_path)
    except SchemeError as error:
        pytest.skip(f"not covered: {str(error).splitlines()[1].strip()}")


@pytest.mark.parametrize("name", UNCOVERED)
def test_what_is_not_covered_is_refused_by_name(name: str) -> None:
    with pytest.raises(SchemeError, match=UNCOVERED[name]):
        simulate(prepare(PATTERNS[name]()), [], forward="integer", kernel_set="xnnpack")
