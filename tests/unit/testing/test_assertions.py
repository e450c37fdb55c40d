"""What people's own tests hold a file to, and what they read where it does not hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qat_kit import testing
from qat_kit.errors import DataError
from qat_kit.measure import evaluate
from tests.support.tflite import Builder, int8_network

SAMPLES = np.random.default_rng(0).random((20, 4, 4, 2), np.float32)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.tflite"
    path.write_bytes(int8_network())
    return path


def test_accuracy(model: Path, tmp_path: Path) -> None:
    answers = evaluate(model, SAMPLES).argmax(axis=1)
    labels = answers.copy()
    labels[:5] = (labels[:5] + 1) % 3
    data = tmp_path / "data.npz"
    np.savez(data, inputs=SAMPLES, labels=labels)
    quality = testing.assert_accuracy(model, data, at_least=0.75, scores="probabilities")
    assert quality.accuracy == 0.75
    with pytest.raises(
        AssertionError, match=r"accuracy is 0\.7500 \(95 % interval .* on 20 samples, and at least 0\.7600"
    ):
        testing.assert_accuracy(model, data, at_least=0.76, scores="probabilities")
    with pytest.raises(AssertionError, match=r"cross entropy is .*at most 0\.0100 is wanted"):
        testing.assert_accuracy(model, data, at_least=0.01, figure="cross_entropy", scores="probabilities")
    with pytest.raises(DataError, match="there is no figure 'acuracy'; those of classification: accuracy, "):
        testing.assert_accuracy(model, data, at_least=0.5, figure="acuracy", scores="probabilities")


def test_latency_ratio(model: Path, tmp_path: Path) -> None:
    same = tmp_path / "same.tflite"
    same.write_bytes(model.read_bytes())
    assert 0 < testing.assert_latency_ratio(same, model, at_most=5.0, num_runs=50) < 5
    with pytest.raises(AssertionError, match=r"takes .* times the time of .*and at most 0\.05 is wanted"):
        testing.assert_latency_ratio(same, model, at_most=0.05, num_runs=50)


def test_parity_needs_golden_vectors(model: Path) -> None:
    with pytest.raises(DataError, match=r"manifest\.json"):
        testing.assert_parity(model)


def test_a_float_file_is_named(tmp_path: Path) -> None:
    graph = Builder()
    x, y = (graph.tensor(name, [1, 2], "FLOAT32") for name in ("x", "y"))
    graph.op("RELU", [x], [y])
    path = tmp_path / "float.tflite"
    path.write_bytes(graph.bytes([x], [y]))
    with pytest.raises(
        AssertionError, match=r"float\.tflite is NOT fully int8: 5 findings(.|\n)*no float op: operator 0 RELU"
    ):
        testing.assert_fully_int8(path)
