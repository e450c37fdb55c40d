"""A mismatch between kernel sets is found in the operator that makes it, and shows again in its own file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from qat_kit.inspection.reproduction import reproduce, save_case
from qat_kit.litert.interpreter import Interpreter
from qat_kit.litert.model_file import read_model
from tests.support import hostile
from tests.support.tflite import Builder, shared_file


def divides_by_eight() -> bytes:
    """RESHAPE, which all kernel sets agree on, and a convolution by 1 with scale 8, whose ties they round apart."""
    graph = Builder()
    x = graph.tensor("x", [1, 64], "INT8", scale=[1.0], zero_point=[0])
    shape = graph.tensor("shape", [4], "INT32", data=np.array([1, 8, 8, 1], np.int32))
    image = graph.tensor("image", [1, 8, 8, 1], "INT8", scale=[1.0], zero_point=[0])
    w = graph.tensor("w", [1, 1, 1, 1], "INT8", scale=[1.0], zero_point=[0], data=np.ones(1, np.int8))
    b = graph.tensor("b", [1], "INT32", scale=[1.0], zero_point=[0], data=np.zeros(1, np.int32))
    y = graph.tensor("y", [1, 8, 8, 1], "INT8", scale=[8.0], zero_point=[0])
    graph.op("RESHAPE", [x, shape], [image])
    options = schema.Conv2DOptionsT()
    options.strideW = options.strideH = options.dilationWFactor = options.dilationHFactor = 1
    graph.op("CONV_2D", [image, w, b], [y], options=options, version=3)
    return graph.bytes([x], [y])


def test_the_convolution_is_found_and_shows_it_alone(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(divides_by_eight())
    found, case = reproduce(path)
    assert case is not None
    (mismatch,) = found.mismatches
    assert (mismatch.op, mismatch.index, mismatch.num_elements, mismatch.largest) == ("CONV_2D", 1, 64, 1.0)
    assert (found.num_operators, found.skipped, found.run_on) == (2, (), "reference")
    save_case(case, tmp_path)
    (operator,) = read_model(tmp_path / "repro.tflite").subgraphs[0].operators
    assert operator.op == "CONV_2D"
    with np.load(tmp_path / "inputs.npz") as stored:
        codes = stored["0"]
    answers = {
        kernel_set: Interpreter(tmp_path / "repro.tflite", kernel_set=kernel_set).run(codes).reshape(-1)
        for kernel_set in mismatch.values
    }
    assert {name: float(answer[mismatch.position]) for name, answer in answers.items()} == mismatch.values
    differing = {tuple(column) for column in np.stack(list(answers.values()), axis=1) if len(set(column)) > 1}
    assert len(differing) > 0
    # Ties are rounded apart, and what becomes a tie where a kernel set rounds twice: 107 / 2 = 54, 54 / 4 = 14.
    first = codes.reshape(-1)[mismatch.position]
    assert first % 8 in (3, 4, 5)


def test_a_kernel_set_that_dies_is_a_mismatch(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(hostile.without_bias())
    (mismatch,) = reproduce(path)[0].mismatches
    assert set(mismatch.failures) == {"builtin", "xnnpack"}
    assert "SIGSEGV" in mismatch.failures["builtin"]
    assert mismatch.num_differing == 0


@pytest.mark.parametrize("seed", [0, 1])
def test_where_all_agree_there_is_no_case(tmp_path: Path, seed: int) -> None:
    graph = Builder()
    x, y = (graph.tensor(name, [1, 4], "INT8", scale=[1.0], zero_point=[0]) for name in "xy")
    shape = graph.tensor("shape", [2], "INT32", data=np.array([1, 4], np.int32))
    graph.op("RESHAPE", [x, shape], [y])
    path = tmp_path / "model.tflite"
    path.write_bytes(graph.bytes([x], [y]))
    found, case = reproduce(path, seed=seed)
    assert (found.mismatches, case) == ((), None)


def test_in_a_real_file_the_smallest_is_found_and_stands_alone(tmp_path: Path) -> None:
    """Six operators of a net for MNIST; of its integers only the first convolution is rounded apart."""
    path = shared_file("ai-edge-quantizer__conv_fc_mnist_srq_a8w8.tflite")
    found, case = reproduce(path)
    assert case is not None
    smallest = found.mismatches[0]
    assert (smallest.op, smallest.type, smallest.largest) == ("CONV_2D", "INT8", 1.0)
    assert smallest.size_bytes == len(case.content) < path.stat().st_size
    sizes = [mismatch.size_bytes for mismatch in found.mismatches if mismatch.type == "INT8"]
    assert sizes == sorted(sizes)
    # The file that is sent upstream shows what the table says.
    answers = []
    for kernel_set in smallest.values:
        with Interpreter(case.content, kernel_set=kernel_set) as single:
            (output,) = single.run({each.name: case.inputs[str(each.index)] for each in single.inputs}).values()
            answers.append(output.reshape(-1).astype(int))
    assert np.count_nonzero(np.ptp(answers, axis=0)) == smallest.num_differing > 0


def test_what_the_reference_kernels_lack_runs_on_the_next(tmp_path: Path) -> None:
    graph = Builder()
    x, y = (graph.tensor(name, [1, 64], "INT8", scale=[1 / 16], zero_point=[0]) for name in "xy")
    graph.op("ELU", [x], [y])
    path = tmp_path / "model.tflite"
    path.write_bytes(graph.bytes([x], [y]))
    found, _ = reproduce(path)
    assert found.run_on == "builtin"
    (mismatch,) = found.mismatches
    assert set(mismatch.failures) == {"reference"}
