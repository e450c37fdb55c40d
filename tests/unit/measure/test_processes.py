"""Two processes give what one gives, in whole batches and with what is left over."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from qat_kit.errors import DataError
from qat_kit.measure import evaluate, evaluate_all
from qat_kit.measure.file import measure_file
from tests.support.tflite import Builder, int8_network, parse, serialize

INPUTS = np.random.default_rng(0).random((150, 4, 4, 2), dtype=np.float32)


def in_batches(size: int) -> bytes:
    """The small network, taking several samples at once."""
    model = parse(int8_network())
    for tensor in model.subgraphs[0].tensors:
        if tensor.buffer == 0 or model.buffers[tensor.buffer].data is None:
            tensor.shape = np.array([size, *tensor.shape[1:]], np.int32)
    return serialize(model)


def test_two_processes_give_the_same_quality(tmp_path: Path) -> None:
    path, data = tmp_path / "model.tflite", tmp_path / "data.npz"
    path.write_bytes(int8_network())
    np.savez(data, inputs=INPUTS, labels=np.arange(150) % 3)
    one, two = (
        measure_file(path, data=data, scores="probabilities", num_processes=count, num_runs=1, num_draws=5)
        for count in (1, 2)
    )
    assert one.models[0].quality is not None
    assert one.models[0].quality.model_dump_json() == two.models[0].quality.model_dump_json()
    done: list[int] = []
    answers = evaluate(path, INPUTS, num_processes=2, on_progress=done.append)
    assert np.array_equal(answers, evaluate(path, INPUTS))
    assert sorted(done) == [22, 64, 64]


def test_several_outputs_come_from_two_processes_as_from_one(tmp_path: Path) -> None:
    graph = Builder()
    x = graph.tensor("x", [1, 4], "INT8", scale=[0.5], zero_point=[0])
    y, z = (graph.tensor(name, [1, 4], "INT8", scale=[0.5], zero_point=[0]) for name in ("y", "z"))
    graph.op("RELU", [x], [y])
    graph.op("RESHAPE", [x, graph.tensor("shape", [2], "INT32", data=np.array([1, 4], np.int32))], [z])
    path = tmp_path / "model.tflite"
    path.write_bytes(graph.bytes([x], [y, z]))
    samples = np.random.default_rng(0).integers(-20, 20, (100, 4)).astype(np.float32)
    one, two = (evaluate_all(path, samples, num_processes=count) for count in (1, 2))
    assert list(one) == list(two) == ["y", "z"]
    assert all(np.array_equal(one[name], two[name]) for name in one)
    assert np.array_equal(one["z"], samples)
    assert np.array_equal(one["y"], np.maximum(samples, 0))


def test_a_process_that_runs_a_file_waits_for_no_statistics() -> None:
    heavy = ("sklearn", "scipy", "pydantic", "concurrent", "subprocess", "importlib.metadata", "tensorflow")
    check = f"import qat_kit.measure.processes, sys; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_file_that_takes_several_samples_at_once(tmp_path: Path) -> None:
    single, path = tmp_path / "single.tflite", tmp_path / "model.tflite"
    single.write_bytes(int8_network())
    path.write_bytes(in_batches(4))
    expected = evaluate(single, INPUTS, kernel_set="reference")
    # 150 is 37 batches and two samples.
    assert np.array_equal(evaluate(path, INPUTS, kernel_set="reference"), expected)
    assert np.array_equal(evaluate(path, INPUTS[:1], kernel_set="reference"), expected[:1])


def test_what_processes_cannot_do(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(int8_network())
    with pytest.raises(DataError, match=r"received \[64, 4, 4, 3\]"):
        evaluate(path, np.zeros((70, 4, 4, 3), np.float32), num_processes=2)
    model = parse(int8_network())
    model.subgraphs[0].tensors[-1].isVariable = True
    path.write_bytes(serialize(model))
    with pytest.raises(DataError, match="keeps state from one sample to the next"):
        evaluate(path, INPUTS, num_processes=2)


def test_an_answer_for_each_sample_is_needed(tmp_path: Path) -> None:
    graph = Builder()
    x = graph.tensor("x", [2, 2], "INT8", scale=[1.0], zero_point=[0])
    shape = graph.tensor("shape", [2], "INT32", data=np.array([1, 4], np.int32))
    y = graph.tensor("y", [1, 4], "INT8", scale=[1.0], zero_point=[0])
    graph.op("RESHAPE", [x, shape], [y])
    path = tmp_path / "model.tflite"
    path.write_bytes(graph.bytes([x], [y]))
    with pytest.raises(DataError, match="gives 1 answers for 2 samples"):
        evaluate(path, np.zeros((2, 2), np.float32))
