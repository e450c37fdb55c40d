"""Anybody's file is measured, with figures for its answers where there is data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qat_kit.errors import DataError, SettingsError, UnknownNameError
from qat_kit.measure import classification_quality, evaluate
from qat_kit.measure.file import measure_file, measure_files, measure_stages
from qat_kit.results import Measurement
from tests.support.tflite import Builder, int8_network

INPUTS = np.random.default_rng(0).random((6, 4, 4, 2), dtype=np.float32)
LABELS = np.array([0, 1, 2, 0, 1, 2])


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.tflite"
    path.write_bytes(int8_network())
    return path


def test_latency_alone(model: Path, tmp_path: Path) -> None:
    measurement = measure_file(model, kernel_set="reference", num_threads=2, num_runs=7)
    (figures,) = measurement.models
    assert (figures.name, figures.size_bytes, figures.quality) == ("model.tflite", model.stat().st_size, None)
    assert (figures.latency.kernel_set, figures.latency.num_threads, figures.latency.num_runs) == ("reference", 2, 7)
    assert Measurement.load(measurement.save(tmp_path / "measurement.json")) == measurement


@pytest.mark.parametrize("name", ["inputs", "pixels"])
def test_quality_where_there_is_data(model: Path, tmp_path: Path, name: str) -> None:
    np.savez(tmp_path / "data.npz", **{name: INPUTS, "labels": LABELS})
    (figures,) = measure_file(model, data=tmp_path / "data.npz", scores="probabilities", num_runs=3).models
    expected = classification_quality(evaluate(model, INPUTS), LABELS, scores_are="probabilities")
    assert figures.quality == expected


def test_values_are_measured_as_a_regression(model: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", inputs=INPUTS, labels=np.zeros((6, 3)))
    (figures,) = measure_file(model, data=tmp_path / "data.npz", scores="values", num_runs=3).models
    assert figures.quality is not None
    assert figures.quality.mean_absolute_error == pytest.approx(1 / 3, abs=0.01)


def test_two_files_are_compared(model: Path, tmp_path: Path) -> None:
    """Another seed, another network: every figure is that of the file alone, and the test that of the pair."""
    other, data = tmp_path / "other.tflite", tmp_path / "data.npz"
    other.write_bytes(int8_network(seed=1))
    np.savez(data, inputs=INPUTS, labels=LABELS)
    both = measure_files((model, other), data=data, scores="probabilities", num_runs=3)
    alone = measure_file(other, data=data, scores="probabilities", num_runs=3)
    assert [figures.name for figures in both.models] == ["model.tflite", "other.tflite"]
    assert both["other.tflite"].quality == alone.models[0].quality
    (paired,), (comparison,) = both.paired, both.comparisons
    assert (paired.baseline, paired.candidate, paired.num_samples) == ("model.tflite", "other.tflite", 6)
    accuracy = paired.differences["accuracy"]
    assert accuracy.difference == pytest.approx((comparison.gained - comparison.lost) / 6)
    assert accuracy.p_value == comparison.p_value
    latency_alone = measure_files((model, other), num_runs=3)
    assert (latency_alone.paired, latency_alone.comparisons) == ((), ())
    with pytest.raises(DataError, match="files must differ"):
        measure_files((model, model))


def test_the_gap_to_training_data(model: Path, tmp_path: Path) -> None:
    other, data, train = (tmp_path / name for name in ("other.tflite", "data.npz", "train.npz"))
    other.write_bytes(int8_network(seed=1))
    np.savez(data, inputs=INPUTS, labels=LABELS)
    np.savez(train, inputs=INPUTS[:4], labels=evaluate(other, INPUTS[:4]).argmax(axis=1))
    options = {"data": data, "scores": "probabilities", "num_runs": 1}
    measurement = measure_files((model, other), train_data=train, **options)
    gap, accuracy = measurement.gap, measurement.paired[0].differences["accuracy"]
    assert gap is not None
    assert (gap.num_train, gap.num_test) == (4, 6)
    assert gap.candidate == pytest.approx(1 - accuracy.candidate)
    with pytest.raises(DataError, match="give two files, --data and --train-data"):
        measure_file(model, train_data=train, **options)


def test_other_tasks(model: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", inputs=INPUTS, labels=LABELS)
    quality = measure_file(model, data=tmp_path / "data.npz", task="retrieval", num_runs=1).models[0].quality
    assert quality is not None
    assert quality.headline == "hit_rate_at_1"
    with pytest.raises(UnknownNameError, match="did you mean 'retrieval'"):
        measure_file(model, task="retreival", num_runs=1)


def two_outputs(path: Path) -> Path:
    """What is given, and what is given with nothing below zero."""
    graph = Builder()
    x = graph.tensor("x", [1, 3], "INT8", scale=[0.5], zero_point=[0])
    same, above = (graph.tensor(name, [1, 3], "INT8", scale=[0.5], zero_point=[0]) for name in ("same", "above"))
    graph.op("RESHAPE", [x, graph.tensor("shape", [2], "INT32", data=np.array([1, 3], np.int32))], [same])
    graph.op("RELU", [x], [above])
    path.write_bytes(graph.bytes([x], [same, above]))
    return path


def test_several_outputs_are_judged_each_by_its_task(tmp_path: Path) -> None:
    path, data = two_outputs(tmp_path / "two.tflite"), tmp_path / "data.npz"
    inputs = np.array([[1, -1, 0], [-2, 3, 0], [0, 0, 4], [-1, 0, 5]], np.float32)
    labels = np.array([0, 1, 1, 2])
    np.savez(data, inputs=inputs, **{"labels.same": labels, "labels.above": np.maximum(inputs, 0)})
    other = two_outputs(tmp_path / "other.tflite")
    measurement = measure_files((path, other), data=data, task="above=regression", num_runs=1)
    first = measurement.models[0]
    assert list(first.outputs) == ["same", "above"]
    assert first.quality == first.outputs["same"]
    assert first.outputs["same"].accuracy == 0.75
    assert first.outputs["above"].mean_squared_error == 0.0
    assert [(test.output, test.task) for test in measurement.paired] == [
        ("same", "classification"),
        ("above", "regression"),
    ]
    with pytest.raises(SettingsError, match="outputs that have no labels in the data: below"):
        measure_file(path, data=data, task="below=regression", num_runs=1)
    np.savez(data, inputs=inputs, labels=labels)
    with pytest.raises(DataError, match=r"no array named 'labels\.same' or 'labels\.above', it has: inputs, labels"):
        measure_file(path, data=data, num_runs=1)


def test_answers_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    graph = Builder()
    x, y = (graph.tensor(name, [1, 2], "FLOAT32") for name in ("x", "y"))
    graph.op("LOG", [x], [y])
    path, data = tmp_path / "model.tflite", tmp_path / "data.npz"
    path.write_bytes(graph.bytes([x], [y]))
    np.savez(data, inputs=np.array([[1, 2], [3, -4]], np.float32), labels=np.array([1, 0]))
    with pytest.raises(DataError, match=r"scores must be finite, and scores\[1, 1\] is nan"):
        measure_file(path, data=data, num_runs=1)


def test_data_that_cannot_be_used(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "data.npz"

    def refused(message: str) -> None:
        with pytest.raises(DataError, match=message):
            measure_file(model, data=path, num_runs=1)

    refused("No such file")
    path.write_bytes(b"")
    refused("could not read .*data.npz as .npz")
    np.savez(path, inputs=INPUTS, labels=LABELS)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    refused("could not read .*data.npz as .npz")
    with path.open("wb") as file:
        np.save(file, INPUTS)
    refused("one array without a name")
    np.savez(path, inputs=INPUTS)
    refused("no array named 'labels', it has: inputs")
    np.savez(path, images=INPUTS, labels=LABELS)
    refused("no array for input 'pixels', it has: images")
    np.savez(path, inputs=INPUTS, labels=LABELS[:4])
    refused(r"received shape \[4\]")
    np.savez(path, inputs=INPUTS, labels=LABELS + 1)
    refused("label 2 is 3")


def test_each_stage_knows_more_than_the_one_before(model: Path, tmp_path: Path) -> None:
    other, data = tmp_path / "other.tflite", tmp_path / "data.npz"
    other.write_bytes(int8_network(seed=1))
    np.savez(data, inputs=INPUTS, labels=LABELS)
    options = {"data": data, "scores": "probabilities", "num_runs": 2, "throughput": True}
    stages = list(measure_stages((model, other), **options))
    known = [
        (
            sum(each.quality is not None for each in stage.models),
            sum(bool(each.throughput) for each in stage.models),
            len(stage.paired),
        )
        for stage in stages
    ]
    assert known == [(0, 0, 0), (1, 0, 0), (2, 0, 0), (2, 1, 0), (2, 2, 0), (2, 2, 1)]
    assert [stage.is_partial for stage in stages] == [True, True, True, True, True, False]
