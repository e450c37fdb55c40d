"""One model of the zoo through the kit, and through tfmot alone: how far it comes, and what stops it.

A result is `{"reached": [stages], "seconds": {stage: …}, "failed": stage or None, "message": …, "lsb": {kernel set: …},
"operators": …}`; seconds: of the clock, from the stage before.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras
from sklearn.datasets import load_digits

from qat_kit.convert.job import Job
from qat_kit.convert.worker import run
from qat_kit.litert.interpreter import KERNEL_SETS, Interpreter
from qat_kit.litert.model_file import read_model
from qat_kit.numerics import fake_quantize
from qat_kit.prepare import prepare
from qat_kit.prepare.reading import read_graph
from qat_kit.simulation import export_simulated, simulate, trained_tensors
from qat_kit.simulation.operators import ROUNDING_SAME_SCALE
from qat_kit.simulation.placement import place
from qat_kit.simulation.tfmot import QuantizeConfig
from qat_kit.spec import op_spec
from qat_kit.verify import verify
from qat_kit.verify.structure import DEMANDS as STRUCTURE
from tests.support.layer_zoo import Row

KIT_STAGES = ("prepared", "wrapped", "trained", "int8", "quantizers")
TFMOT_STAGES = ("wrapped", "trained", "int8")
# The certificate's checks that say whether anything is float.
INTEGER_CHECKS = {demand.name for demand in STRUCTURE}
NUM_SAMPLES, BATCH = 32, 8


def samples(tensors: Any, count: int, *, offset: int = 0) -> list[np.ndarray]:
    """Real numbers in any shape: pixels of scikit-learn's digits in a row; as tokens, whole numbers below 16."""
    pixels = load_digits().data.ravel()
    arrays = []
    for index, tensor in enumerate(tensors):
        shape = (count, *tensor.shape[1:])
        size = int(np.prod(shape))
        values = np.resize(np.roll(pixels, -offset - 977 * index), size).reshape(shape)
        whole = tf.as_dtype(tensor.dtype).is_integer
        arrays.append(np.minimum(values, 15).astype("int32") if whole else ((values - 5) / 6).astype(np.float32))
    return arrays


def through_kit(row: Row, folder: Path, *, num_samples: int = NUM_SAMPLES) -> dict[str, Any]:
    """Prepared, wrapped, trained for an epoch, exported, certified, and run on each kernel set."""
    result = _empty()

    def go() -> None:
        model = row.build()
        result["since"] = time.perf_counter()
        prepared = prepare(model)
        _reach(result, "prepared")
        data = samples(prepared.model.inputs, num_samples)
        qat = simulate(prepared, [data]).model
        _reach(result, "wrapped")
        _train(qat, data, prepared.model)
        _reach(result, "trained")
        export_simulated(qat, folder / "saved_model")
        path = folder / "model.tflite"
        run(Job(saved_model=folder / "saved_model", output=path, mode="int8_from_qat"))
        _refuse_float(result, verify(path))
        _reach(result, "int8")
        _compare_quantizers(path, prepared.model)
        _certify(result, verify(path, expected=trained_tensors(qat)))
        _reach(result, "quantizers")
        result["lsb"] = _lsb(path, qat, num_samples)

    return _until_it_fails(result, KIT_STAGES, go)


def through_tfmot(row: Row, folder: Path) -> dict[str, Any]:
    """tfmot's `quantize_model`, an epoch, TFLiteConverter; our certificate judges the file."""
    quantize = importlib.import_module(QuantizeConfig.__module__.replace("quantize_config", "quantize"))
    result = _empty()

    def go() -> None:
        model = row.build()
        qat = quantize.quantize_model(model)
        _reach(result, "wrapped")
        _train(qat, samples(model.inputs, NUM_SAMPLES), model)
        _reach(result, "trained")
        converter = tf.lite.TFLiteConverter.from_keras_model(qat)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.inference_input_type = converter.inference_output_type = tf.int8
        path = folder / "model.tflite"
        path.write_bytes(converter.convert())
        _refuse_float(result, verify(path))
        _reach(result, "int8")
        result["lsb"] = _lsb(path, qat, NUM_SAMPLES)

    return _until_it_fails(result, TFMOT_STAGES, go)


def _empty() -> dict[str, Any]:
    return {"reached": [], "seconds": {}, "failed": None, "message": "", "lsb": {}, "operators": 0}


def _reach(result: dict[str, Any], stage: str) -> None:
    now = time.perf_counter()
    result["seconds"][stage] = round(now - result.pop("since"), 1)
    result["since"] = now
    result["reached"].append(stage)


def _until_it_fails(result: dict[str, Any], stages: tuple[str, ...], go: Callable[[], None]) -> dict[str, Any]:
    result["since"] = time.perf_counter()
    try:
        go()
    except Exception as error:  # whatever a stage raises is what this row is to tell
        missing = [stage for stage in stages if stage not in result["reached"]]
        result["failed"] = missing[0] if missing else "lsb"
        result["message"] = f"{type(error).__name__}: {error}"
    del result["since"]
    return result


def _train(qat: tf_keras.Model, data: list[np.ndarray], teacher: tf_keras.Model) -> None:
    """One epoch towards what the float model says."""
    feed = data if len(data) > 1 else data[0]
    targets = teacher(feed, training=False)
    qat.compile(optimizer=tf_keras.optimizers.Adam(1e-3), loss="mse", run_eagerly=True)
    history = qat.fit(feed, targets, batch_size=BATCH, epochs=1, verbose=0)
    (loss,) = history.history["loss"]
    if not np.isfinite(loss):
        raise ArithmeticError(f"the loss is {loss}")


def _certify(result: dict[str, Any], certificate: Any) -> None:
    result["operators"] = certificate.num_operators
    if not certificate.passed:
        raise AssertionError(next(finding.line for finding in certificate.findings))


def _refuse_float(result: dict[str, Any], certificate: Any) -> None:
    """Raises for a file that is not integer throughout; how well it is quantized is not asked here."""
    result["operators"] = certificate.num_operators
    wrong = [finding for check in certificate.checks if check.name in INTEGER_CHECKS for finding in check.findings]
    if wrong:
        raise AssertionError(wrong[0].line)


def _compare_quantizers(path: Path, prepared: tf_keras.Model) -> None:
    graph = read_model(path).subgraphs[0]
    computed = [
        operator
        for operator in graph.operators
        if (not op_spec(operator.op).same_scale and op_spec(operator.op).data_outputs != ())
        or operator.op in ROUNDING_SAME_SCALE
        # What is looked up in a constant table has the table's scale.
        or graph.tensors[operator.inputs[0]].is_constant
        or (
            operator.op in ("MAXIMUM", "MINIMUM") and any(graph.tensors[index].is_constant for index in operator.inputs)
        )
    ]
    fed = [index for index in graph.inputs if graph.tensors[index].type != "INT32"]
    placed = sum(placement.quantizes_output for placement in place(read_graph(prepared)).values())
    if len(fed) + len(computed) != placed:
        raise AssertionError(f"the file has {len(fed) + len(computed)} quantized values, training had {placed}")


def _lsb(path: Path, qat: tf_keras.Model, num_samples: int) -> dict[str, float]:
    """The largest difference to the simulated model, in steps of the output, for each kernel set.

    To a thousandth of a step: the simulated model computes its whole numbers of steps in float32.
    """
    largest = {}
    for kernel_set in KERNEL_SETS:
        interpreter = Interpreter(path, kernel_set=kernel_set)
        details = {detail.name: detail for detail in interpreter.inputs}
        arrays = samples(qat.inputs, num_samples, offset=5003)
        names = [tensor.node.layer.name for tensor in qat.inputs]
        # Inputs on their grid, so that no rounding at the door is counted.
        feed = {
            name: array if details[name].params is None else fake_quantize(array, details[name].params)
            for name, array in zip(names, arrays, strict=True)
        }
        outputs = qat(list(feed.values()) if len(feed) > 1 else feed[names[0]], training=False)
        simulated = dict(zip(qat.output_names, outputs if isinstance(outputs, list) else [outputs], strict=True))
        real = interpreter.run_real(feed)
        steps = max(
            float(np.max(np.abs(np.asarray(simulated[detail.name]) - real[detail.name])) / detail.scale[0])
            for detail in interpreter.outputs
        )
        largest[kernel_set] = round(steps, 3)
    return largest
