"""Samples a second at each batch size, or why there is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from qat_kit.litert.interpreter import Interpreter
from qat_kit.measure.throughput import measure_throughput
from tests.support.tflite import Builder, int8_network


def test_a_batch_gives_what_its_samples_give(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(int8_network())
    samples = np.random.default_rng(0).random((8, 4, 4, 2), np.float32)
    at_once, one_by_one = (Interpreter(path, batch=batch) for batch in (8, None))
    assert at_once.inputs[0].shape == (8, 4, 4, 2)
    assert np.array_equal(at_once.run_real(samples), one_by_one.run_real(samples))
    one, two = measure_throughput(path, {one_by_one.inputs[0].name: samples[:3]}, batches=(1, 8))
    assert (one.batch, two.batch, one.refusal, two.refusal) == (1, 8, "", "")
    assert 0 < one.samples_per_second < two.samples_per_second


def test_a_shape_that_allows_one_sample(tmp_path: Path) -> None:
    graph = Builder()
    x = graph.tensor("x", [1, 4], "INT8", scale=[1.0], zero_point=[0])
    y = graph.tensor("y", [1, 2, 2], "INT8", scale=[1.0], zero_point=[0])
    graph.op("RESHAPE", [x, graph.tensor("shape", [3], "INT32", data=np.array([1, 2, 2], np.int32))], [y])
    path = tmp_path / "model.tflite"
    path.write_bytes(graph.bytes([x], [y]))
    one, many = measure_throughput(path, {"x": np.zeros((1, 4), np.float32)})
    assert one.samples_per_second > 0
    assert (many.batch, many.samples_per_second) == (32, 0.0)
    assert "failed to prepare" in many.refusal
