"""Models that never saw quantization-aware training, from Keras to a proven file."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from tf_keras import layers

from qat_kit.conversion import convert_model
from qat_kit.datasets import Split
from qat_kit.datasets.sources import SampleSource
from qat_kit.errors import CertificateError, DataError, SchemeError
from qat_kit.litert.interpreter import Interpreter
from qat_kit.litert.model_file import read_model
from qat_kit.manifest import Manifest, Preprocessing, decode_all
from qat_kit.numerics import TensorSpec, choose_qparams, get_range_estimator
from qat_kit.results import Certificate, TrainedTensors
from tests.support import models
from tests.support.models import chain, conv, model_of


def source_of(model, count=40) -> SampleSource:
    split = Split(inputs=tuple(models.samples(model, count)))
    return SampleSource(
        name="samples.npz", size=count, preprocessing=Preprocessing(), labels=np.arange(count) % 4, read=split.take
    )


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    model = models.two_inputs()
    folder = tmp_path_factory.mktemp("converted")
    return (
        folder,
        model,
        convert_model(model, folder, representative=source_of(model), num_samples=12, selection="stratified"),
    )


def test_the_files_belong_together(converted) -> None:
    folder, _, done = converted
    assert {file.name for file in folder.iterdir()} == {
        "model.tflite",
        "manifest.json",
        "certificate.json",
        "tensors.json",
    }
    digest = hashlib.sha256((folder / "model.tflite").read_bytes()).hexdigest()
    manifest = Manifest.load(folder / "manifest.json")
    assert Certificate.load(folder / "certificate.json") == done.certificate
    assert done.certificate.passed
    assert digest == done.certificate.sha256 == manifest.files[0].sha256
    assert (manifest.calibration.num_samples, manifest.calibration.selection) == (12, "stratified")
    assert len(manifest.calibration.indices) == 12
    assert {each.name for each in manifest.inputs} == {"image", "other"}


def test_every_scale_and_zero_point_of_the_file_is_the_one_that_was_calibrated(converted) -> None:
    folder, _, _ = converted
    trained = TrainedTensors.load(folder / "tensors.json")
    expected = {
        (scale, zero_point)
        for tensor in (*trained.outputs.values(), *trained.weights.values())
        for scale, zero_point in zip(tensor.scale, tensor.zero_point, strict=True)
    }
    graph = read_model(folder / "model.tflite").subgraphs[0]
    found = {
        (float(scale), int(zero_point))
        for tensor in graph.tensors
        if tensor.type == "INT8"
        for scale, zero_point in zip(tensor.scale, tensor.zero_point, strict=True)
    }
    assert found == expected


def test_the_file_was_run_before_it_got_its_name(converted) -> None:
    folder, _, done = converted
    found = {check.name: check for check in done.certificate.checks}
    for kernel_set in ("reference", "builtin", "xnnpack"):
        equal = found[f"equals the simulator ({kernel_set})"]
        assert (equal.state, equal.figures["differing"]) == ("pass", 0)
        assert equal.figures["elements"] > 0
    assert found["golden vectors"].state == "pass"
    assert found["parity with training"].figures["num_samples"] == 40
    assert found["parity with training"].state == "pass"
    # An image is no score of a class.
    assert found["accuracy"].outcome == "not_applicable"
    assert done.certificate.ran_on["inputs"] == "8 golden inputs of the manifest (calibration)"
    manifest = Manifest.load(folder / "manifest.json")
    assert manifest.certificate_sha256 == hashlib.sha256(done.certificate.model_dump_json().encode()).hexdigest()


def classifier():
    return model_of(chain(conv(4), layers.ReLU(), layers.Flatten(), layers.Dense(4)))


def labelled(model, *, shrunk: int = 0) -> SampleSource:
    """200 samples with what the model itself says of them; the first so many are a hundredth of what they should be."""
    (inputs,) = models.samples(model, 200)
    inputs = inputs.copy()
    inputs[:shrunk] /= 100
    answers = models.outputs_of(model, [inputs])[0].argmax(axis=1)
    split = Split(inputs=(inputs,))
    return SampleSource(name="x.npz", size=200, preprocessing=Preprocessing(), labels=answers, read=split.take)


def test_a_file_that_lost_its_accuracy_is_no_file(tmp_path: Path) -> None:
    """Its ranges are those of samples a hundred times too small: every code is as it was trained, and all cut off."""
    model = classifier()
    options = {"representative": labelled(model, shrunk=8), "num_samples": 8}
    (tmp_path / "model.tflite").write_bytes(b"of an earlier conversion")
    with pytest.raises(
        CertificateError, match=r"(?s)no model\.tflite.*points of accuracy lost against the Keras model"
    ):
        convert_model(model, tmp_path, **options)
    assert not (tmp_path / "model.tflite").exists()
    certificate = Certificate.load(tmp_path / "certificate.json")
    (found,) = [check for check in certificate.checks if not check.passed]
    assert found.name == "accuracy"
    assert "--max-drop" in found.findings[0].remedy
    assert found.figures["num_samples"] == 200
    # Asked for, it is made.
    done = convert_model(model, tmp_path, **options, max_drop_points=50.0)
    assert done.certificate.passed
    assert done.artifact.manifest.scores == "logits"


def test_the_golden_vectors_are_what_the_file_answers(converted) -> None:
    folder, _, _ = converted
    golden = Manifest.load(folder / "manifest.json").golden
    for kernel_set, outputs in golden.outputs.items():
        answers = Interpreter(folder / "model.tflite", kernel_set=kernel_set).run(decode_all(golden.inputs))
        for name, codes in decode_all(outputs).items():
            np.testing.assert_array_equal(codes, answers[name])


def test_the_ranges_of_the_inputs_are_the_portfolios_of_the_chosen_samples(converted) -> None:
    folder, model, _ = converted
    manifest = Manifest.load(folder / "manifest.json")
    chosen = source_of(model).read(np.array(manifest.calibration.indices))
    found = {each.name: (each.scale, each.zero_point) for each in manifest.inputs}
    ranges = {}
    for estimator in ("portfolio", "min_max"):
        for name, array in zip(model.input_names, chosen.inputs, strict=True):
            observer = get_range_estimator(estimator)
            observer.update(array)
            params = choose_qparams(*observer.range(), TensorSpec())
            ranges[estimator, name] = (float(params.scale), int(params.zero_point))
    assert found == {name: ranges["portfolio", name] for name in model.input_names}
    assert any(ranges["portfolio", name] != ranges["min_max", name] for name in model.input_names)


def test_the_auto_encoder_with_batch_norm_comes_out_fully_int8_and_close(tmp_path: Path) -> None:
    # MLPerf Tiny's, of which tfmot leaves nine of ten dense layers float: 829,544 bytes.
    sizes = (128, 128, 128, 128, 8, 128, 128, 128, 128)
    parts = [part for size in sizes for part in (layers.Dense(size), layers.BatchNormalization(), layers.ReLU())]
    model = model_of(chain(*parts, layers.Dense(640)), (640,))
    done = convert_model(model, tmp_path, representative=source_of(model, 200), num_samples=200, no_user_data=True)
    assert done.certificate.passed
    operators = read_model(done.artifact.path).subgraphs[0].operators
    assert [(operator.op, operator.fused_activation) for operator in operators] == [
        *[("FULLY_CONNECTED", "RELU")] * 9,
        ("FULLY_CONNECTED", "NONE"),
    ]
    assert done.artifact.path.name == "model.tflite"
    assert done.artifact.path.stat().st_size < 320_000
    assert done.artifact.manifest.golden.origin == "synthetic"
    assert done.artifact.manifest.calibration.source is None
    inputs = models.samples(model, 50, seed=2)
    answers = Interpreter(done.artifact.path).run_real(inputs[0])
    expected = models.outputs_of(model, inputs)[0]
    assert np.corrcoef(answers.ravel(), expected.ravel())[0, 1] > 0.99


@pytest.mark.parametrize(
    ("scheme", "io", "name", "types"),
    [
        ("fp16", None, "model.fp16.tflite", ("float32", "float32")),
        ("w8_dynamic", None, "model.w8_dynamic.tflite", ("float32", "float32")),
        ("w8a16", None, "model.w8a16.tflite", ("int16", "int16")),
        ("w4a8", None, "model.w4a8.tflite", ("int8", "int8")),
        ("w8a8", "uint8", "model.w8a8.uint8_io.tflite", ("uint8", "uint8")),
        ("w8a8", "float32", "model.w8a8.float32_io.tflite", ("float32", "float32")),
    ],
)
def test_another_scheme_has_a_name_of_its_own(scheme: str, io: str | None, name: str, types, tmp_path: Path) -> None:
    model = model_of(chain(conv(4), layers.ReLU(), layers.Flatten(), layers.Dense(4)))
    done = convert_model(model, tmp_path, representative=source_of(model), scheme=scheme, interface=io, num_samples=8)
    assert done.artifact.path.name == name
    assert not (tmp_path / "model.tflite").exists()
    assert done.certificate.passed, done.certificate.findings
    manifest = done.artifact.manifest
    assert (manifest.inputs[0].dtype, manifest.outputs[0].dtype) == types
    assert (manifest.calibration is None) == (scheme in ("fp16", "w8_dynamic"))
    assert manifest.files[0].kind == scheme
    checks = {check.name for check in done.certificate.checks}
    assert ("trained outputs" in checks) == (scheme in ("w8a8", "w4a8", "w8a16"))
    types = {tensor.type for tensor in read_model(done.artifact.path).subgraphs[0].tensors}
    assert ("INT4" in types) == (scheme == "w4a8")


def test_what_cannot_be_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    model = model_of(conv(2))
    with pytest.raises(DataError, match=r"scheme 'w8a8' needs representative data"):
        convert_model(model, tmp_path, representative=None)
    with pytest.raises(SchemeError, match=r"'ternary_a8' cannot be reached by conversion alone; those that can: w8a8"):
        convert_model(model, tmp_path, representative=None, scheme="ternary_a8")
    assert list(tmp_path.iterdir()) == []
