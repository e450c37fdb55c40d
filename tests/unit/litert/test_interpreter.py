"""The interpreter answers as LiteRT does, kernel set by kernel set, and says what is wrong in words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from qat_kit.errors import DataError, ModelFileError, SettingsError, UnknownNameError
from qat_kit.litert.interpreter import KERNEL_SETS, Interpreter, KernelSet, runtime_identity
from qat_kit.litert.model_file import read_model
from tests.support.tflite import Builder, fully_connected, int8_network, shared_file


@pytest.fixture(scope="module")
def network() -> bytes:
    return int8_network()


def two_inputs() -> bytes:
    """`total` = `left` + `right`, and `left` reshaped; all int8 with scale ½; `left` comes second in the file."""
    graph = Builder()
    parts = {
        name: graph.tensor(f"serving_default_{name}:0", [1, 2], "INT8", scale=[0.5], zero_point=[0])
        for name in ("right", "left")
    }
    total = graph.tensor("PartitionedCall:0", [1, 2], "INT8", scale=[0.5], zero_point=[0])
    copy = graph.tensor("PartitionedCall:1", [1, 2], "INT8", scale=[0.5], zero_point=[0])
    shape = graph.tensor("shape", [2], "INT32", data=np.array([1, 2], np.int32))
    graph.op("ADD", [parts["left"], parts["right"]], [total], options=schema.AddOptionsT(), version=2)
    graph.op("RESHAPE", [parts["left"], shape], [copy])
    graph.signature(parts, {"total": total, "copy": copy})
    return graph.bytes([parts["right"], parts["left"]], [total, copy])


@pytest.mark.parametrize("kernel_set", KERNEL_SETS)
def test_the_integer_product_by_hand(kernel_set: KernelSet) -> None:
    weights = np.array([[1, 2, 3], [-4, 5, -6]], np.int8)
    model = Interpreter(fully_connected("INT8", weights, weights, [1.0]), kernel_set=kernel_set)
    assert model.run(np.array([[1, -2, 3], [7, 0, 1]], np.int8)).tolist() == [[6, -32], [10, -34]]


@pytest.mark.parametrize("kernel_set", KERNEL_SETS)
def test_many_samples_are_as_one_by_one(network: bytes, kernel_set: KernelSet) -> None:
    model = Interpreter(network, kernel_set=kernel_set)
    samples = np.random.default_rng(1).integers(-128, 128, (20, 4, 4, 2), dtype=np.int8)
    assert np.array_equal(model.run(samples), np.concatenate([model.run(samples[i : i + 1]) for i in range(20)]))


@pytest.mark.parametrize(
    ("kernel_set", "eighths"),
    [("reference", [-3, -1, 1, 3]), ("builtin", [-2, 0, 1, 3]), ("xnnpack", [-2, 0, 0, 2])],
)
def test_the_kernel_set_is_really_chosen(kernel_set: KernelSet, eighths: list[int]) -> None:
    """A convolution divides −20, −4, 4, 20 by 8: away from zero, upwards, or to even, as each set rounds a tie."""
    graph = Builder()
    x = graph.tensor("x", [1, 1, 4, 1], "INT8", scale=[1.0], zero_point=[0])
    w = graph.tensor("w", [1, 1, 1, 1], "INT8", scale=[1.0], zero_point=[0], data=np.ones(1, np.int8))
    b = graph.tensor("b", [1], "INT32", scale=[1.0], zero_point=[0], data=np.zeros(1, np.int32))
    y = graph.tensor("y", [1, 1, 4, 1], "INT8", scale=[8.0], zero_point=[0])
    options = schema.Conv2DOptionsT()
    options.strideW = options.strideH = options.dilationWFactor = options.dilationHFactor = 1
    graph.op("CONV_2D", [x, w, b], [y], options=options, version=3)
    model = Interpreter(graph.bytes([x], [y]), kernel_set=kernel_set)
    assert model.run(np.array([-20, -4, 4, 20], np.int8).reshape(1, 1, 4, 1)).reshape(-1).tolist() == eighths


def test_intermediate_tensors_can_be_kept(network: bytes) -> None:
    model = Interpreter(network, kernel_set="reference", preserve_all_tensors=True)
    model.run(np.full((1, 4, 4, 2), -128, np.int8))
    graph = read_model(network).subgraphs[0]
    codes = model.tensor(graph.operators[0].outputs[0])
    # An input of real zeros leaves the bias alone: code = bias · (bias scale / output scale) − 128, behind the ReLU.
    bias = graph.input_of(graph.operators[0], 2)
    assert bias is not None
    assert bias.data is not None
    expected = np.clip(np.round(bias.data * bias.scale * 16), 0, 255) - 128
    assert np.abs(codes[0, 0, 0] - expected).max() <= 1


def test_details(network: bytes) -> None:
    model = Interpreter(network)
    (entry,), (answer,) = model.inputs, model.outputs
    assert (entry.name, entry.shape, entry.dtype) == ("pixels", (1, 4, 4, 2), np.int8)
    assert (entry.scale.tolist(), entry.zero_point.tolist()) == ([2**-7], [-128])
    assert (answer.name, answer.scale.tolist(), answer.zero_point.tolist()) == ("softmax", [2**-8], [-128])
    assert (model.kernel_set, model.num_threads) == ("xnnpack", 1)


def test_real_numbers_are_quantized_half_to_even_and_clipped(network: bytes) -> None:
    """Scale 1/128 and zero point −128: 2.5 steps go to 2, 3.5 to 4, and what is out of range saturates."""
    model = Interpreter(network)
    real = np.zeros((1, 4, 4, 2), np.float32)
    real[0, 0, 0, 0], real[0, 0, 0, 1], real[0, 1, 0, 0], real[0, 1, 0, 1] = 2.5 / 128, 3.5 / 128, 99.0, -99.0
    codes = np.full((1, 4, 4, 2), -128, np.int8)
    codes[0, 0, 0, 0], codes[0, 0, 0, 1], codes[0, 1, 0, 0] = -126, -124, 127
    expected = (model.run(codes).astype(np.float32) + 128) / 256
    answer = model.run_real(real)
    assert answer.dtype == np.float32
    assert np.array_equal(answer, expected)


def test_real_numbers_pass_a_float_file_untouched() -> None:
    graph = Builder()
    x, y = (graph.tensor(name, [1, 2], "FLOAT32") for name in "xy")
    graph.op("ADD", [x, x], [y], options=schema.AddOptionsT())
    model = Interpreter(graph.bytes([x], [y]))
    assert model.inputs[0].params is None
    assert model.run_real(np.array([[0.1, -2.5]])).tolist() == [[np.float32(0.2), -5.0]]


def test_inputs_and_outputs_go_by_name() -> None:
    model = Interpreter(two_inputs())
    answers = model.run({"left": np.array([[4, -6]], np.int8), "right": np.array([[1, 1]], np.int8)})
    assert {name: values.tolist() for name, values in answers.items()} == {"total": [[5, -5]], "copy": [[4, -6]]}
    real = model.run_real({"left": np.array([[2.0, -3.0]]), "right": np.array([[0.5, 0.5]])})
    assert real["total"].tolist() == [[2.5, -2.5]]


def test_what_does_not_fit_is_refused(network: bytes) -> None:
    model = Interpreter(network)
    with pytest.raises(DataError, match="takes int8, received float64; run_real takes real numbers"):
        model.run(np.zeros((1, 4, 4, 2)))
    with pytest.raises(DataError, match=r"takes shape \[1, 4, 4, 2\].*received \[4, 4, 2\]"):
        model.run(np.zeros((4, 4, 2), np.int8))
    with pytest.raises(DataError, match=r"received \[0, 4, 4, 2\]"):
        model.run(np.zeros((0, 4, 4, 2), np.int8))
    with pytest.raises(DataError, match=r"inputs are \['pixels'\], received \['x'\]"):
        model.run({"x": np.zeros((1, 4, 4, 2), np.int8)})
    with pytest.raises(DataError, match="'pixels' cannot be quantized"):
        model.run_real(np.full((1, 4, 4, 2), np.nan))
    both = Interpreter(two_inputs())
    with pytest.raises(DataError, match=r"2 inputs and 2 outputs.*give a mapping with right, left"):
        both.run(np.zeros((1, 2), np.int8))
    with pytest.raises(DataError, match="same number of samples"):
        both.run({"left": np.zeros((2, 2), np.int8), "right": np.zeros((1, 2), np.int8)})


def test_impossible_settings_are_refused(network: bytes) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'xnnpack'"):
        Interpreter(network, kernel_set="xnpack")  # type: ignore[arg-type]  # the mistake meant
    with pytest.raises(SettingsError, match="num_threads must be 1 or more, received 0"):
        Interpreter(network, num_threads=0)


def test_files_that_cannot_run_are_refused(network: bytes, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="cut off or damaged"):
        Interpreter(network[:1000])
    with pytest.raises(ModelFileError, match="No such file"):
        Interpreter(tmp_path / "none.tflite")
    graph = Builder()
    x = graph.tensor("x", [1], "INT8", scale=[1.0], zero_point=[0])
    graph.op("MyOp", [x], [x], custom=True)
    with pytest.raises(ModelFileError, match=r"cannot run the model with kernel set xnnpack: .*MyOp"):
        Interpreter(graph.bytes([x], [x]))


def test_a_kernel_that_fails_is_an_error_with_words() -> None:
    model = Interpreter(shared_file("tflite-micro__transpose_conv2.tflite"), kernel_set="reference")
    with pytest.raises(ModelFileError, match=r"failed with kernel set reference: .*\nNode number 0 \(TRANSPOSE_CONV\)"):
        model.run({detail.name: np.zeros(detail.shape, detail.dtype) for detail in model.inputs})


def test_the_runtime_says_what_it_is() -> None:
    identity = runtime_identity()
    assert identity["litert"].split(".")[0].isdigit()
    assert identity["architecture"]


def test_reports_that_run_together_come_a_line_each() -> None:
    with pytest.raises(ModelFileError) as error:
        Interpreter(shared_file("tflite-micro__person_detect.tflite"), kernel_set="reference")
    lines = str(error.value).splitlines()
    assert lines[0].endswith("quantized_dimension must be in range [0, 1). Was 3.")
    assert lines[1] == "Tensor 33 has invalid quantization parameters."
    assert all(line.count("quantized_dimension must") <= 1 for line in lines)
