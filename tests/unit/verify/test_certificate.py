"""Each planted defect is found by its own check, with operator, layer and remedy, and by no unrelated one."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from qat_kit.errors import DataError, ModelFileError, NumericsError, UnknownNameError
from qat_kit.inspection import inspect
from qat_kit.results import Certificate, Finding
from qat_kit.verify import verify
from tests.support.tflite import Builder, changed, int8_network, shared_file

LAYERS = ("pixels", "conv1", "relu1", "depth1", "flat", "logits", "softmax")


@pytest.fixture(scope="module")
def network() -> bytes:
    return int8_network()


def tensor_of(model: schema.ModelT, name: str) -> schema.TensorT:
    return next(tensor for tensor in model.subgraphs[0].tensors if tensor.name.decode() == name)


def quantization_of(model: schema.ModelT, name: str) -> schema.QuantizationParametersT:
    return tensor_of(model, name).quantization


def codes_of(model: schema.ModelT, name: str) -> np.ndarray:
    """The constant's bytes, copied so that they can be written to."""
    buffer = model.buffers[tensor_of(model, name).buffer]
    buffer.data = np.array(buffer.data, np.uint8)
    return buffer.data


def failed(certificate: Certificate) -> dict[str, tuple[Finding, ...]]:
    return {check.name: check.findings for check in certificate.checks if not check.passed}


def warned(certificate: Certificate) -> dict[str, tuple[Finding, ...]]:
    return {check.name: check.findings for check in certificate.checks if check.passed and check.findings}


def test_a_right_file_passes_every_check(network: bytes) -> None:
    certificate = verify(network, layers=LAYERS)
    assert certificate.findings == ()
    assert certificate.passed
    assert len(certificate.checks) == 24
    assert all(check.rule for check in certificate.checks)
    # XNNPACK leaves the SOFTMAX to the builtin kernels: advice, which fails no file.
    (warning,) = certificate.warnings
    assert (warning.op, warning.op_index) == ("SOFTMAX", 4)
    assert "runs on litert_builtin" in warning.message
    assert certificate.verdict == "fully int8: 5 operators, 24 checks, no finding, 1 warning"


def test_a_certificate_is_bound_to_its_file(network: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(network)
    certificate = verify(path)
    assert (certificate.size_bytes, certificate.num_operators, certificate.num_tensors) == (len(network), 5, 13)
    other = verify(changed(network, lambda model: setattr(model, "description", "another")))
    assert certificate.sha256 != other.sha256
    assert Certificate.load(certificate.save(tmp_path / "certificate.json")) == certificate


# ------------------------------------------------------------------------------------- one defect, one check


def weight_zero_point(model: schema.ModelT) -> None:
    quantization_of(model, "digits/depth1/depthwise").zeroPoint = [0, 0, 1, 0]


def weight_code(model: schema.ModelT) -> None:
    codes_of(model, "digits/conv1/Conv2D")[7] = 0x80


def weight_axis(model: schema.ModelT) -> None:
    quantization_of(model, "digits/depth1/depthwise").quantizedDimension = 0


def per_tensor_depthwise(model: schema.ModelT) -> None:
    kernel, bias = (quantization_of(model, name) for name in ("digits/depth1/depthwise", "arith.constant1"))
    kernel.scale, kernel.zeroPoint = [2**-7], [0]
    bias.scale, bias.zeroPoint = [2**-11], [0]


def bias_scale(model: schema.ModelT) -> None:
    scale = np.array(quantization_of(model, "arith.constant").scale, np.float32)
    scale[2] *= np.float32(1.00001)
    quantization_of(model, "arith.constant").scale = scale


def bias_zero_point(model: schema.ModelT) -> None:
    quantization_of(model, "arith.constant3").zeroPoint = [0, 0, 5]


def bias_type(model: schema.ModelT) -> None:
    tensor = tensor_of(model, "arith.constant")
    buffer = model.buffers[tensor.buffer]
    buffer.data = np.frombuffer(np.frombuffer(buffer.data, np.int32).astype(np.int16).tobytes(), np.uint8)
    tensor.type = schema.TensorType.INT16


def bias_without_scales(model: schema.ModelT) -> None:
    tensor_of(model, "arith.constant").quantization = None


def softmax_scale(model: schema.ModelT) -> None:
    quantization_of(model, "StatefulPartitionedCall:0").scale = [1 / 255]


def softmax_zero_point(model: schema.ModelT) -> None:
    quantization_of(model, "StatefulPartitionedCall:0").zeroPoint = [-127]


def reshape_scale(model: schema.ModelT) -> None:
    quantization_of(model, "digits/depth1/depthwise1").scale = [2**-3]


def activation_zero_point(model: schema.ModelT) -> None:
    quantization_of(model, "digits/logits/MatMul;digits/logits/BiasAdd").zeroPoint = [-129]


def activation_scale(model: schema.ModelT) -> None:
    quantization_of(model, "digits/logits/MatMul;digits/logits/BiasAdd").scale = [float("inf")]


def activation_without_scale(model: schema.ModelT) -> None:
    tensor_of(model, "digits/logits/MatMul;digits/logits/BiasAdd").quantization = None


def per_axis_activation(model: schema.ModelT) -> None:
    quantization = quantization_of(model, "digits/logits/MatMul;digits/logits/BiasAdd")
    quantization.scale, quantization.zeroPoint = [0.5, 0.5, 0.25], [0, 0, 0]


def custom_op(model: schema.ModelT) -> None:
    code = model.operatorCodes[4]
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    code.customCode = "MySoftmax"


def other_output(model: schema.ModelT) -> None:
    """A CAST at the end: the file gives another type than was asked for."""
    graph = model.subgraphs[0]
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.type = "out", [1, 3], schema.TensorType.INT32
    tensor.quantization = schema.QuantizationParametersT()
    tensor.quantization.scale, tensor.quantization.zeroPoint = [1.0], [0]
    graph.tensors.append(tensor)
    append_op(model, schema.BuiltinOperator.CAST, [graph.outputs[0]], [len(graph.tensors) - 1])
    graph.outputs = [len(graph.tensors) - 1]


def append_op(model: schema.ModelT, builtin: int, inputs: list[int], outputs: list[int]) -> None:
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = builtin
    model.operatorCodes.append(code)
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = len(model.operatorCodes) - 1, inputs, outputs
    model.subgraphs[0].operators.append(operator)


@pytest.mark.parametrize(
    ("plant", "check", "op", "layer", "message"),
    [
        (weight_zero_point, "symmetric weights", "DEPTHWISE_CONV_2D", "depth1", "weights with zero point 1, not 0"),
        (weight_code, "weight codes", "CONV_2D", "conv1", "codes -128 to .*, outside −127 to 127"),
        (weight_axis, "weight axes", "DEPTHWISE_CONV_2D", "depth1", "along dimension 0, .* 4 along dimension 3"),
        (per_tensor_depthwise, "weight axes", "DEPTHWISE_CONV_2D", "depth1", "one weight scale for 4 channels"),
        (bias_scale, "biases", "CONV_2D", "conv1", "scale .* at channel 2, not input × weight"),
        (bias_zero_point, "biases", "FULLY_CONNECTED", "logits", "a bias with zero point 5, not 0"),
        (bias_type, "biases", "CONV_2D", "conv1", "a bias in INT16, not INT32"),
        (bias_without_scales, "biases", "CONV_2D", "conv1", "0 scales for 4 weight scales"),
        (softmax_scale, "fixed output scales", "SOFTMAX", "softmax", "writes scale 0.00390625 and zero point -128"),
        (softmax_zero_point, "fixed output scales", "SOFTMAX", "softmax", "zero point -127"),
        (reshape_scale, "same scales", "RESHAPE", "flat", "only moves values"),
        (activation_zero_point, "zero points", "FULLY_CONNECTED", "logits", "zero point -129, .* -128 to 127"),
        (activation_scale, "scales", "FULLY_CONNECTED", "logits", "scale inf"),
        (activation_without_scale, "scales", "FULLY_CONNECTED", "logits", "is INT8 and has no scale"),
        (per_axis_activation, "one scale an activation", "FULLY_CONNECTED", "logits", "with 3 scales"),
        (custom_op, "no custom op", "MySoftmax", "softmax", "nothing is known"),
        (other_output, "inputs and outputs", "CAST", None, "output 'out' is INT32, not INT8"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_planted_defect_fails_its_own_check_and_no_other(
    network: bytes,
    plant: Callable[[schema.ModelT], None],
    check: str,
    op: str,
    layer: str | None,
    message: str,
) -> None:
    findings = failed(verify(changed(network, plant), layers=LAYERS))
    assert list(findings) == [check]
    (finding,) = findings[check]
    assert (finding.op, finding.layer) == (op, layer)
    assert finding.op_index is not None
    assert finding.remedy
    assert re.search(message, finding.message)


# ----------------------------------------------------------------------------------------------- floats


def float_network(*, island: bool, float_io: bool = False) -> bytes:
    """conv1 → softmax, where softmax is a float island behind a DEQUANTIZE; or int8 within, float at both ends."""
    graph = Builder()
    codes = {"scale": [2**-7], "zero_point": [0]}
    outer = graph.tensor("serving_default_pixels:0", [1, 4], "FLOAT32") if float_io else None
    x = graph.tensor("tfl.quantize" if float_io else "serving_default_pixels:0", [1, 4], "INT8", **codes)
    if outer is not None:
        graph.op("QUANTIZE", [outer], [x])
    w = graph.tensor("digits/logits/MatMul", [2, 4], "INT8", **codes, data=np.ones((2, 4), np.int8))
    logits = graph.tensor("digits/logits/MatMul1", [1, 2], "INT8", **codes)
    graph.op("FULLY_CONNECTED", [x, w, -1], [logits], options=schema.FullyConnectedOptionsT(), version=4)
    last, options = logits, schema.SoftmaxOptionsT()
    options.beta = 1.0
    if island:
        before, after = (
            graph.tensor(name, [1, 2], "FLOAT32") for name in ("digits/softmax/in", "digits/softmax/Softmax")
        )
        last = graph.tensor("StatefulPartitionedCall:0", [1, 2], "INT8", scale=[2**-8], zero_point=[-128])
        graph.op("DEQUANTIZE", [logits], [before])
        graph.op("SOFTMAX", [before], [after], options=options)
        graph.op("QUANTIZE", [after], [last])
    if float_io:
        inner, last = last, graph.tensor("StatefulPartitionedCall:0", [1, 2], "FLOAT32")
        graph.op("DEQUANTIZE", [inner], [last])
    graph.signature({"pixels": x if outer is None else outer}, {"softmax": last})
    return graph.bytes([x if outer is None else outer], [last])


def test_a_float_island_is_named_operator_first() -> None:
    certificate = verify(float_network(island=True), layers=LAYERS)
    findings = failed(certificate)
    assert list(findings) == ["no float op", "no float island", "no float tensor"]
    (op,) = findings["no float op"]
    assert (op.op, op.op_index, op.layer) == ("SOFTMAX", 2, "softmax")
    assert "layer 'softmax'" in op.remedy
    assert certificate.findings[0] == op
    assert op.line.startswith(
        "operator 2 SOFTMAX, layer 'softmax': computes in float; layer 'softmax' has no quantizer"
    )
    assert [finding.op for finding in findings["no float island"]] == ["DEQUANTIZE", "QUANTIZE"]
    assert certificate.verdict == "NOT fully int8: 5 findings in no float op, no float island, no float tensor"


def test_float_inputs_and_outputs_must_be_asked_for() -> None:
    data = float_network(island=False, float_io=True)
    asked = verify(data, io="float32")
    assert asked.passed
    assert asked.verdict.startswith("fully int8 between float input and output")
    assert list(failed(verify(data))) == ["no float island", "no float tensor", "inputs and outputs"]
    inner = verify(float_network(island=False), io="float32")
    assert {finding.message.split()[0] for finding in failed(inner)["inputs and outputs"]} == {"input", "output"}


def test_asking_for_float_ends_does_not_excuse_an_island() -> None:
    findings = failed(verify(float_network(island=True, float_io=True), io="float32"))
    assert [finding.op_index for finding in findings["no float op"]] == [3]
    assert [finding.op_index for finding in findings["no float island"]] == [2, 4]


def test_an_op_without_an_integer_kernel_is_said_to_be_one() -> None:
    graph = Builder()
    x, y = (graph.tensor(name, [1], "FLOAT32") for name in ("x", "digits/wave/Sin"))
    graph.op("SIN", [x], [y])
    (finding,) = failed(verify(graph.bytes([x], [y]), layers=["wave"]))["no float op"]
    assert finding.layer == "wave"
    assert "no integer kernel for SIN: replace layer 'wave'" in finding.remedy


def test_an_op_that_the_converter_never_quantizes_is_said_to_be_one() -> None:
    graph = Builder()
    x, y = (graph.tensor(name, [1], "FLOAT32") for name in ("x", "digits/act/Elu"))
    graph.op("ELU", [x], [y])
    (finding,) = failed(verify(graph.bytes([x], [y]), layers=["act"]))["no float op"]
    assert finding.remedy.startswith("the converter never quantizes ELU: replace layer 'act', or convert")


# ------------------------------------------------------------------------------------------ types and schemes


def packed_weights(codes: list[int]) -> bytes:
    graph = Builder()
    x = graph.tensor("x", [1, 4], "INT8", scale=[1.0], zero_point=[0])
    packed = np.array([codes[0] & 15 | (codes[1] & 15) << 4, codes[2] & 15 | (codes[3] & 15) << 4], np.uint8)
    w = graph.tensor("w", [1, 4], "INT4", scale=[1.0], zero_point=[0], data=packed)
    y = graph.tensor("y", [1, 1], "INT8", scale=[1.0], zero_point=[0])
    graph.op("FULLY_CONNECTED", [x, w, -1], [y], options=schema.FullyConnectedOptionsT(), version=10)
    return graph.bytes([x], [y])


def test_packed_weights_are_for_the_scheme_that_asks_for_them() -> None:
    good, wide = packed_weights([-7, 7, 0, 1]), packed_weights([-8, 7, 0, 1])
    assert verify(good, scheme_name="w4a8").passed
    assert verify(good, scheme_name="w4a8").verdict.startswith("fully integer (w4a8)")
    (finding,) = failed(verify(good))["weight types"]
    assert finding.message == "has weights in INT4, not INT8"
    (finding,) = failed(verify(wide, scheme_name="w4a8"))["weight codes"]
    assert finding.message == "has weights with codes -8 to 7, outside −7 to 7"


def test_four_bits_in_int8_storage_are_held_to_four_bits(network: bytes) -> None:
    findings = failed(verify(network, scheme_name="w4a8"))
    assert list(findings) == ["weight codes"]
    assert len(findings["weight codes"]) == 3


def sixteen_bits(*, zero_point: int = 0) -> bytes:
    graph = Builder()
    x = graph.tensor("x", [1, 2], "INT16", scale=[2**-10], zero_point=[zero_point])
    w = graph.tensor("w", [1, 2], "INT8", scale=[0.5], zero_point=[0], data=np.ones((1, 2), np.int8))
    b = graph.tensor("b", [1], "INT64", scale=[2**-11], zero_point=[0], data=np.zeros(1, np.int64))
    y = graph.tensor("y", [1, 1], "INT16", scale=[2**-9], zero_point=[0])
    z = graph.tensor("z", [1, 1], "INT16", scale=[1 / 32768], zero_point=[0])
    graph.op("FULLY_CONNECTED", [x, w, b], [y], options=schema.FullyConnectedOptionsT(), version=7)
    graph.op("LOGISTIC", [y], [z])
    return graph.bytes([x], [z])


def test_sixteen_bit_activations() -> None:
    assert verify(sixteen_bits(), scheme_name="w8a16").passed
    assert list(failed(verify(sixteen_bits()))) == ["inputs and outputs", "activation types"]
    (finding,) = failed(verify(sixteen_bits(zero_point=1), scheme_name="w8a16"))["zero points"]
    assert finding.message == "tensor 'x' (INT16) has the zero point 1, which must be 0"


def test_indices_in_and_answers_out_may_be_plain_integers() -> None:
    graph = Builder()
    x = graph.tensor("x", [1, 3], "INT8", scale=[1.0], zero_point=[0])
    axis = graph.tensor("axis", [1], "INT32", data=np.array([1], np.int32))
    y = graph.tensor("y", [1], "INT64")
    graph.op("ARG_MAX", [x, axis], [y], options=schema.ArgMaxOptionsT())
    assert verify(graph.bytes([x], [y])).passed


def test_a_file_of_plain_integers_is_not_an_int8_file() -> None:
    graph = Builder()
    x, y = (graph.tensor(name, [1], "INT32") for name in "xy")
    graph.op("ADD", [x, x], [y], options=schema.AddOptionsT())
    assert list(failed(verify(graph.bytes([x], [y])))) == ["inputs and outputs"]


def test_wrong_calls_are_refused(network: bytes) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'w8a8'"):
        verify(network, scheme_name="w8a9")
    with pytest.raises(UnknownNameError, match="did you mean 'litert_xnnpack'"):
        verify(network, target="xnnpack")
    with pytest.raises(NumericsError, match="received 'latest'"):
        verify(network, runtime="latest")
    with pytest.raises(DataError, match=r"expected must be what tensors\.json holds"):
        verify(network, expected={"outputs": 3})
    with pytest.raises(ModelFileError):
        verify(b"")


def test_files_damaged_at_random_are_judged_or_refused(network: bytes) -> None:
    random = np.random.default_rng(0)
    judged = 0
    for _ in range(1500):
        damaged = bytearray(network)
        for position in random.integers(0, len(network), random.integers(1, 5)):
            damaged[position] = random.choice([0, 0x7F, 0x80, 0xFF, random.integers(0, 256)])
        try:
            certificate, inspection = verify(bytes(damaged)), inspect(bytes(damaged))
        except ModelFileError:
            continue
        judged += 1
        assert certificate.sha256 == inspection.sha256
        assert certificate.model_dump_json()
        assert inspection.model_dump_json()
    assert judged > 100


# ------------------------------------------------------------------------------------------------ real files

FULLY_INT8 = (
    "ai-edge-quantizer__conv_fc_mnist_srq_a8w8.tflite",
    "tflite-micro__dtln_noise_suppression.tflite",
    "tflite-micro__micro_speech_quantized.tflite",
)


@pytest.mark.parametrize("name", FULLY_INT8)
def test_real_files_that_are_fully_int8(name: str) -> None:
    assert verify(shared_file(name)).findings == ()


@pytest.mark.parametrize(
    ("name", "checks"),
    [
        ("tflite-micro__sine_float", ["no float op", "no float tensor", "inputs and outputs"]),
        # The LOG_SOFTMAX stands between a DEQUANTIZE and the output, and the weights use −128.
        (
            "tinyengine__ptq_mnist_lenet-300-100",
            ["no float op", "no float island", "no float tensor", "inputs and outputs", "weight codes"],
        ),
        ("tinyengine__vww", ["no float island", "no float tensor", "inputs and outputs"]),
        ("micro-wake-word-models__vad", ["inputs and outputs"]),
        # Made in the time of uint8: asymmetric weights, one scale for all channels.
        (
            "test_data__mobilenet_v1_0.25_128_quant",
            ["inputs and outputs", "activation types", "weight types", "symmetric weights", "weight axes"],
        ),
        # LiteRT itself refuses it: "quantized_dimension must be in range [0, 1). Was 3."
        ("tflite-micro__person_detect", ["biases"]),
        ("tflite-micro__person_detect_vela", ["no custom op"]),
    ],
)
def test_real_files_that_are_not(name: str, checks: list[str]) -> None:
    assert list(failed(verify(shared_file(f"{name}.tflite")))) == checks


def test_a_real_file_with_float_ends() -> None:
    assert verify(shared_file("tinyengine__vww.tflite"), io="float32").passed
