"""Conversion in a process of its own: what it makes, how it fails, and what passes between the two processes."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from tf_keras import layers

from qat_kit.convert import convert
from qat_kit.convert.job import Job
from qat_kit.convert.process import Limits
from qat_kit.convert.worker import run
from qat_kit.datasets import Split
from qat_kit.errors import ConversionError, DataError, SettingsError
from qat_kit.litert.interpreter import Interpreter
from qat_kit.litert.model_file import read_model
from qat_kit.prepare import prepare, save_for_conversion
from qat_kit.simulation import export_simulated, simulate, trained_tensors
from qat_kit.verify import verify
from tests.support import models
from tests.support.models import IMAGE, chain, conv, model_of


@pytest.fixture(scope="module")
def float_model() -> tf_keras.Model:
    return model_of(chain(conv(4), layers.BatchNormalization(), layers.ReLU(), layers.Flatten(), layers.Dense(3)))


@pytest.fixture(scope="module")
def saved_model(float_model: tf_keras.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_for_conversion(prepare(float_model).model, tmp_path_factory.mktemp("float") / "saved_model")


# -------------------------------------------------------------------------------------------- in a process of its own


def test_from_qat_the_process_gives_the_bytes_that_the_worker_gives(tmp_path: Path) -> None:
    model = models.PATTERNS["unet"]()
    qat = simulate(prepare(model), [models.samples(model, 8)]).model
    saved = export_simulated(qat, tmp_path / "saved_model")
    log = tmp_path / "converter.log"
    path = convert(saved, tmp_path / "model.tflite", mode="int8_from_qat", log=log)
    run(Job(saved_model=saved, output=tmp_path / "again.tflite", mode="int8_from_qat"))
    assert path.read_bytes() == (tmp_path / "again.tflite").read_bytes()
    assert verify(path, expected=trained_tensors(qat)).passed
    assert log.read_text()


def test_a_converter_that_fails_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    log = tmp_path / "converter.log"
    log.write_text("before\n")
    with pytest.raises(ConversionError, match=r"conversion \(float32\) failed: .*(does not exist|SavedModel)"):
        convert(tmp_path / "nothing", tmp_path / "model.tflite", mode="float32", log=log)
    assert log.read_text().startswith("before\n")
    assert "nothing" in log.read_text()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["converter.log"]


def _replace_worker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, body: str) -> None:
    """Puts a program in the place of the Python that runs the worker."""
    program = tmp_path / "python"
    program.write_text(f"#!{sys.executable}\n{body}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))


def test_a_converter_that_crashes_is_told_by_its_signal(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, saved_model: Path
) -> None:
    # The diagnosis, too, starts children, and learns no more from them.
    _replace_worker(
        monkeypatch, tmp_path, "import os, signal\nprint('working', flush=True)\nos.kill(os.getpid(), signal.SIGSEGV)"
    )
    with pytest.raises(ConversionError, match=r"failed: working \(the converter was killed by signal 11\)"):
        convert(saved_model, tmp_path / "model.tflite", mode="float32")
    assert not (tmp_path / "model.tflite").exists()


def test_a_converter_that_says_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, saved_model: Path) -> None:
    _replace_worker(monkeypatch, tmp_path, "raise SystemExit(3)")
    with pytest.raises(ConversionError, match=r"failed: it said nothing"):
        convert(saved_model, tmp_path / "model.tflite", mode="float32")


def test_a_converter_that_takes_too_long_is_stopped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, saved_model: Path
) -> None:
    _replace_worker(monkeypatch, tmp_path, "import time\nprint('slow', flush=True)\ntime.sleep(60)")
    log = tmp_path / "converter.log"
    with pytest.raises(ConversionError, match=r"took longer than 0\.5 s and was stopped; allow it more time"):
        convert(saved_model, tmp_path / "model.tflite", mode="float32", limits=Limits(time_s=0.5), log=log)
    assert log.read_text() == "slow\n"


def test_a_converter_that_takes_too_much_memory_is_stopped(saved_model: Path, tmp_path: Path) -> None:
    """TensorFlow alone takes more than 100 MiB."""
    with pytest.raises(ConversionError, match=r"took more than 100 MiB of memory and was stopped"):
        convert(saved_model, tmp_path / "model.tflite", mode="float32", limits=Limits(memory_mb=100))
    assert list(tmp_path.iterdir()) == []


# -------------------------------------------------------------------------------------------- representative data


@pytest.mark.parametrize(("mode", "given"), [("int8_post_training", False), ("int8_from_qat", True), ("float32", True)])
def test_representative_data_goes_with_post_training_and_with_it_alone(mode: str, given: bool, tmp_path: Path) -> None:
    data = Split(inputs=(np.zeros((1, *IMAGE), np.float32),)) if given else None
    received = f"mode '{mode}' and {'one' if given else 'none'}"
    with pytest.raises(DataError, match=rf"representative dataset.*received {received}"):
        convert(tmp_path, tmp_path / "model.tflite", mode=mode, representative=data, input_names=("image",))


def test_a_plain_model_becomes_fully_int8_with_representative_data(
    float_model: tf_keras.Model, saved_model: Path, tmp_path: Path
) -> None:
    inputs = models.samples(float_model, 24)
    path = convert(
        saved_model,
        tmp_path / "model.tflite",
        mode="int8_post_training",
        representative=Split(inputs=tuple(inputs)),
        input_names=("image",),
    )
    certificate = verify(path)
    assert certificate.passed, certificate.verdict
    interpreter = Interpreter(path, kernel_set="reference")
    answers, expected = interpreter.run_real(inputs[0]), models.outputs_of(float_model, inputs)[0]
    steps = np.abs(answers - expected) / interpreter.outputs[0].scale[0]
    assert np.median(steps) < 2.0


# The converter calibrates with TensorFlow's own interpreter; its deprecation is TensorFlow's to mend.
@pytest.mark.filterwarnings(r"ignore:\s+Warning. tf\.lite\.Interpreter is deprecated:UserWarning")
def test_an_operator_without_an_int8_kernel_stays_float_and_the_certificate_says_so(tmp_path: Path) -> None:
    module = tf.Module()
    serve = tf.function(tf.math.cos, input_signature=[tf.TensorSpec((1, 4), tf.float32, name="x")])
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures=serve.get_concrete_function())
    np.savez(tmp_path / "data.npz", x=np.ones((2, 4), np.float32))
    job = Job(
        saved_model=tmp_path / "saved",
        output=tmp_path / "model.tflite",
        mode="int8_post_training",
        representative=tmp_path / "data.npz",
    )
    run(job)
    certificate = verify(job.output)
    assert not certificate.passed
    assert {"COS"} == {
        finding.op for check in certificate.checks if check.name == "no float op" for finding in check.findings
    }


def test_post_training_without_data_is_refused_by_the_worker_too(saved_model: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"representative dataset"):
        run(Job(saved_model=saved_model, output=tmp_path / "model.tflite", mode="int8_post_training"))


# -------------------------------------------------------------------------------------------- modes and interfaces


def _types(path: Path) -> set[str]:
    return {tensor.type for tensor in read_model(path).subgraphs[0].tensors}


def test_float16_holds_its_weights_in_halves(saved_model: Path, tmp_path: Path) -> None:
    run(Job(saved_model=saved_model, output=tmp_path / "m.tflite", mode="float16", interface="float32"))
    assert {"FLOAT16", "FLOAT32"} <= _types(tmp_path / "m.tflite")
    assert "INT8" not in _types(tmp_path / "m.tflite")


def test_dynamic_range_has_integer_weights_of_a_thousand_and_float_activations(tmp_path: Path) -> None:
    """The converter leaves a weight of fewer than 1024 elements float."""
    model = model_of(chain(layers.Flatten(), layers.Dense(16, name="large"), layers.Dense(4, name="small")))
    saved = save_for_conversion(prepare(model).model, tmp_path / "saved_model")
    run(Job(saved_model=saved, output=tmp_path / "m.tflite", mode="dynamic_range", interface="float32"))
    graph = read_model(tmp_path / "m.tflite").subgraphs[0]
    weights = [graph.input_of(operator, 1) for operator in graph.operators if operator.op == "FULLY_CONNECTED"]
    assert [weight.type for weight in weights] == ["INT8", "FLOAT32"]
    assert not any(graph.tensors[index].scale.size for index in (*graph.inputs, *graph.outputs))


@pytest.mark.filterwarnings(r"ignore:\s+Warning. tf\.lite\.Interpreter is deprecated:UserWarning")
def test_16x8_has_16_bit_activations_and_64_bit_biases(
    float_model: tf_keras.Model, saved_model: Path, tmp_path: Path
) -> None:
    np.savez(tmp_path / "data.npz", image=models.samples(float_model, 4)[0])
    job = Job(
        saved_model=saved_model,
        output=tmp_path / "m.tflite",
        mode="int16x8_post_training",
        interface="int16",
        representative=tmp_path / "data.npz",
    )
    run(job)
    assert verify(job.output, scheme_name="w8a16").passed
    assert _types(job.output) <= {"INT8", "INT16", "INT64", "INT32"}


@pytest.mark.parametrize("interface", ["uint8", "float32"])
def test_other_inputs_and_outputs_take_the_same_numbers(interface: str, tmp_path: Path) -> None:
    """The ends differ, by a QUANTIZE operator each; what the network answers does not."""
    model = models.PATTERNS["conv_relu"]()
    inputs = models.samples(model, 8)
    saved = export_simulated(simulate(prepare(model), [inputs]).model, tmp_path / "saved_model")
    answers = {}
    for kind in ("int8", interface):
        path = tmp_path / f"{kind}.tflite"
        run(Job(saved_model=saved, output=path, mode="int8_from_qat", interface=kind))
        interpreter = Interpreter(path, kernel_set="reference")
        assert {interpreter.inputs[0].dtype.name, interpreter.outputs[0].dtype.name} == {kind}
        answers[kind] = interpreter.run_real(inputs[0])
    np.testing.assert_allclose(answers[interface], answers["int8"], rtol=0, atol=1e-6)


def test_an_interface_that_the_mode_cannot_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"'int8_from_qat' cannot take and give int16; expected int8 or uint8 or"):
        convert(tmp_path, tmp_path / "model.tflite", mode="int8_from_qat", interface="int16")


# -------------------------------------------------------------------------------------------- float


def test_float32_keeps_the_outputs_and_the_names(
    float_model: tf_keras.Model, saved_model: Path, tmp_path: Path
) -> None:
    path = tmp_path / "model.float32.tflite"
    run(Job(saved_model=saved_model, output=path, mode="float32"))
    file = read_model(path)
    assert not any(tensor.scale.size for tensor in file.subgraphs[0].tensors)
    interpreter = Interpreter(path, kernel_set="reference")
    assert [detail.name for detail in interpreter.inputs] == ["image"]
    assert [detail.name for detail in interpreter.outputs] == [float_model.layers[-1].name]
    inputs = models.samples(float_model, 4)
    np.testing.assert_allclose(interpreter.run(inputs[0]), models.outputs_of(float_model, inputs)[0], atol=1e-4)


def test_two_inputs_and_two_outputs_keep_their_names(tmp_path: Path) -> None:
    left, right = tf_keras.Input((3,), name="left"), tf_keras.Input((2,), name="right")
    model = tf_keras.Model([right, left], [layers.Dense(2, name="b")(left), layers.Dense(4, name="a")(right)])
    save_for_conversion(model, tmp_path / "saved")
    run(Job(saved_model=tmp_path / "saved", output=tmp_path / "model.tflite", mode="float32"))
    interpreter = Interpreter(tmp_path / "model.tflite", kernel_set="reference")
    assert {detail.name: detail.shape for detail in interpreter.inputs} == {"left": (1, 3), "right": (1, 2)}
    assert {detail.name: detail.shape for detail in interpreter.outputs} == {"b": (1, 2), "a": (1, 4)}


# -------------------------------------------------------------------------------------------- the job file


@pytest.mark.parametrize("representative", [None, Path("data.npz")])
def test_a_job_is_read_back_as_it_was_written(representative: Path | None, tmp_path: Path) -> None:
    job = Job(
        saved_model=tmp_path / "ein Ordner", output=Path("o.tflite"), mode="float32", representative=representative
    )
    assert Job.load(job.save(tmp_path / "job.json")) == job


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        '{"saved_model": "a", "output": "b", "mode": "int4"}',
        '{"saved_model": "a", "output": "b", "mode": "float32", "x": 1}',
    ],
)
def test_a_file_that_is_no_job_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "job.json").write_text(text)
    with pytest.raises(DataError, match=r"job\.json is not a Job"):
        Job.load(tmp_path / "job.json")
