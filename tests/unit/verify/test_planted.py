"""Defects planted in a file that the converter wrote: each fails its own check first, and what is beside it passes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from qat_kit.manifest import EncodedArray, Manifest
from qat_kit.results import Certificate
from qat_kit.verify import RunRequest, verify
from tests.support.tflite import changed

from .conftest import Converted

Plant = Callable[[schema.ModelT], None]


def tensor(model: schema.ModelT, name: str) -> schema.TensorT:
    """The tensor whose name begins so and does not go on with another digit."""
    return next(each for each in model.subgraphs[0].tensors if each.name.decode().split(";")[0] == name)


def constants(model: schema.ModelT, name: str, dtype: type) -> np.ndarray:
    """The values of a constant, to be written to."""
    buffer = model.buffers[tensor(model, name).buffer]
    buffer.data = np.array(buffer.data, np.uint8)
    return buffer.data.view(dtype)


def bias_of(model: schema.ModelT, op: int) -> schema.TensorT:
    graph = model.subgraphs[0]
    return graph.tensors[graph.operators[op].inputs[2]]


def scaled(values: object, factor: float) -> np.ndarray:
    return np.asarray(values, np.float32) * np.float32(factor)


def float_island(model: schema.ModelT) -> None:
    """The softmax computes in float, between a DEQUANTIZE and a QUANTIZE."""
    graph = model.subgraphs[0]
    softmax = graph.operators[-1]
    before, after = schema.TensorT(), schema.TensorT()
    for end, name in ((before, "scores/in"), (after, "scores/out")):
        end.name, end.shape, end.type = name, [1, 5], schema.TensorType.FLOAT32
        graph.tensors.append(end)
    names = [len(graph.tensors) - 2, len(graph.tensors) - 1]
    conversions = []
    for kind, ends in (("DEQUANTIZE", [softmax.inputs[0], names[0]]), ("QUANTIZE", [names[1], softmax.outputs[0]])):
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, kind)
        code.version = 2
        model.operatorCodes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex = len(model.operatorCodes) - 1
        operator.inputs, operator.outputs = [ends[0]], [ends[1]]
        conversions.append(operator)
    softmax.inputs, softmax.outputs = [names[0]], [names[1]]
    graph.operators[-1:] = [conversions[0], softmax, conversions[1]]


def bias_scale(model: schema.ModelT) -> None:
    quantization = bias_of(model, 0).quantization
    quantization.scale = scaled(quantization.scale, 1.001)


def bias_that_overflows(model: schema.ModelT) -> None:
    values = model.buffers[bias_of(model, 3).buffer]
    values.data = np.full(5, 2**31 - 100, np.int32).view(np.uint8)


def per_tensor_depthwise(model: schema.ModelT) -> None:
    kernel, bias = tensor(model, "depth/depthwise").quantization, bias_of(model, 1).quantization
    kernel.scale, kernel.zeroPoint = kernel.scale[:1], [0]
    bias.scale, bias.zeroPoint = bias.scale[:1], [0]


def softmax_scale(model: schema.ModelT) -> None:
    tensor(model, "scores/Softmax").quantization.scale = [1 / 255]


def impossible_zero_point(model: schema.ModelT) -> None:
    graph = model.subgraphs[0]
    graph.tensors[graph.operators[3].outputs[0]].quantization.zeroPoint = [200]


def other_zero_point(model: schema.ModelT) -> None:
    graph = model.subgraphs[0]
    graph.tensors[graph.operators[0].outputs[0]].quantization.zeroPoint = [-127]


def other_activation_scale(model: schema.ModelT) -> None:
    graph = model.subgraphs[0]
    quantization = graph.tensors[graph.operators[3].outputs[0]].quantization
    quantization.scale = [np.nextafter(np.float32(quantization.scale[0]), np.float32(1))]


def pool_that_rescales(model: schema.ModelT) -> None:
    """The dense layer behind it is right for the new scale."""
    for quantization in (tensor(model, "pool/MaxPool").quantization, bias_of(model, 3).quantization):
        quantization.scale = scaled(quantization.scale, 1.25)


def asymmetric_weights(model: schema.ModelT) -> None:
    tensor(model, "stem/Conv2D").quantization.zeroPoint = [3] * 8


def wrong_dimension(model: schema.ModelT) -> None:
    tensor(model, "stem/Conv2D").quantization.quantizedDimension = 3


def wide_weight(model: schema.ModelT) -> None:
    constants(model, "stem/Conv2D", np.int8)[5] = -128


def changed_weight(model: schema.ModelT) -> None:
    codes = constants(model, "stem/Conv2D", np.int8)
    codes[5] += 1 if codes[5] < 127 else -1


def custom_operator(model: schema.ModelT) -> None:
    code = model.operatorCodes[model.subgraphs[0].operators[-1].opcodeIndex]
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    code.customCode = "MySoftmax"


def failed(certificate: Certificate) -> list[str]:
    return [check.name for check in certificate.checks if not check.passed]


@pytest.mark.parametrize(
    ("plant", "layer", "checks"),
    [
        (float_island, "scores", ["no float op", "no float island", "no float tensor"]),
        (bias_scale, "stem", ["biases", "trained biases"]),
        (bias_that_overflows, "logits", ["accumulators", "trained biases"]),
        (per_tensor_depthwise, "depth", ["weight axes", "trained weights", "trained biases"]),
        (softmax_scale, "scores", ["fixed output scales", "trained outputs"]),
        (impossible_zero_point, "logits", ["zero points", "trained outputs"]),
        (other_zero_point, "stem", ["trained outputs"]),
        (other_activation_scale, "logits", ["trained outputs"]),
        (pool_that_rescales, "pool", ["same scales", "trained biases"]),
        (asymmetric_weights, "stem", ["symmetric weights", "trained weights"]),
        (wrong_dimension, "stem", ["weight axes"]),
        (wide_weight, "stem", ["weight codes", "trained weights"]),
        (changed_weight, "stem", ["trained weights"]),
        (custom_operator, "scores", ["no custom op"]),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_planted_defect(converted: Converted, plant: Plant, layer: str, checks: list[str]) -> None:
    certificate = verify(changed(converted.content, plant), expected=converted.trained)
    first, *rest = failed(certificate)
    assert first == checks[0]
    assert set(rest) <= set(checks[1:])
    finding = certificate.findings[0]
    assert finding.layer == layer
    assert finding.remedy


def test_a_byte_that_was_changed_fails_the_manifest_first(converted: Converted) -> None:
    """The schema's own writer lays bytes out otherwise, so the byte is changed where it lies."""
    codes = converted.trained.weights["stem"]
    assert codes.sha256 is not None
    content = bytearray(converted.content)
    content[content.index(_stem_codes(converted)) + 5] ^= 1
    certificate = verify(bytes(content), expected=converted.trained, manifest=converted.manifest)
    assert failed(certificate) == ["file of the manifest", "trained weights"]
    assert failed(verify(bytes(content), manifest=converted.manifest)) == ["file of the manifest"]


def _stem_codes(converted: Converted) -> bytes:
    from qat_kit.litert.model_file import read_model

    tensors = read_model(converted.content).subgraphs[0].tensors
    return next(each for each in tensors if each.name == "stem/Conv2D").stored_bytes


def test_a_manifest_that_tells_an_app_another_scale(converted: Converted) -> None:
    (ends,) = converted.manifest.inputs
    other = converted.manifest.model_copy(update={"inputs": (ends.model_copy(update={"zero_point": 0}),)})
    assert failed(verify(converted.content, expected=converted.trained, manifest=other)) == ["ends of the manifest"]


# ----------------------------------------------------------------------------------------- what is found by running


def request(converted: Converted, **changes: object) -> RunRequest:
    facts = {
        "max_simulated_macs": 0,
        "golden": converted.manifest.golden,
        "samples": {"image": converted.samples},
        "labels": converted.answers.argmax(axis=1),
        "scores": "probabilities",
        "trained": {"scores": converted.answers},
        "baseline": ("the trained model", converted.answers),
    }
    return RunRequest(**{**facts, **changes})  # type: ignore[arg-type]  # fields of several types


def run(converted: Converted, manifest: Manifest | None = None, **changes: object) -> Certificate:
    manifest = manifest or converted.manifest
    return verify(converted.content, expected=converted.trained, manifest=manifest, run=request(converted, **changes))


def test_a_right_file_passes_whatever_is_asked_of_it(converted: Converted) -> None:
    certificate = run(converted, max_simulated_macs=1_000_000)
    assert certificate.findings == ()
    assert certificate.unchecked == ()
    assert {check.outcome for check in certificate.checks} == {"checked"}
    assert certificate.ran_on["inputs"] == "8 golden inputs of the manifest (calibration)"
    assert certificate.verdict == "fully int8: 5 operators, 39 checks, no finding, 1 warning"


def test_a_golden_vector_that_was_corrupted(converted: Converted) -> None:
    golden = converted.manifest.golden
    assert golden is not None
    codes = golden.outputs["builtin"]["scores"].array()
    codes[4, 2] ^= 1
    outputs = {**golden.outputs, "builtin": {"scores": EncodedArray.of(codes)}}
    certificate = run(converted, golden=golden.model_copy(update={"outputs": outputs}))
    assert failed(certificate) == ["golden vectors"]
    (finding,) = certificate.findings
    assert "on builtin output 'scores' differs in 1 of 40 codes; the first is [4, 2]" in finding.message


def test_golden_vectors_of_another_machine_may_differ(converted: Converted) -> None:
    golden = converted.manifest.golden
    assert golden is not None
    codes = golden.outputs["xnnpack"]["scores"].array()
    codes[0, 0] ^= 1
    elsewhere = golden.model_copy(
        update={"outputs": {"xnnpack": {"scores": EncodedArray.of(codes)}}, "architecture": "aarch64"}
    )
    certificate = run(converted, golden=elsewhere, samples=None)
    assert certificate.passed
    (check,) = [check for check in certificate.unchecked if check.name == "golden vectors"]
    assert "on aarch64, and this is" in check.reason


def test_answers_of_another_model(converted: Converted) -> None:
    other = np.roll(converted.answers, 1, axis=1)
    certificate = run(converted, trained={"scores": other}, golden=None, labels=None)
    assert failed(certificate) == ["parity with training"]
    (check,) = [check for check in certificate.checks if check.name == "parity with training"]
    steps = np.rint((converted.answers - other) * 256)  # the file answers as the trained model, up to a step
    assert check.figures["median_lsb"] == pytest.approx(np.median(np.abs(steps)), abs=2)
    assert "qat-kit debug" in check.findings[0].remedy


def test_accuracy_that_falls_is_told_from_chance(converted: Converted) -> None:
    """Of 64 answers the baseline has all right. The file answers alike, and labels of some are moved away from both."""
    labels = converted.answers.argmax(axis=1)
    baseline = np.eye(5)[labels]

    def outcome(num_lost: int) -> tuple[list[str], str]:
        wrong = labels.copy()
        wrong[:num_lost] = (wrong[:num_lost] + 1) % 5
        better = baseline.copy()
        better[:num_lost] = np.eye(5)[wrong[:num_lost]]
        certificate = run(converted, labels=wrong, baseline=("a better one", better), golden=None, trained=None)
        (check,) = [check for check in certificate.checks if check.name == "accuracy"]
        return failed(certificate), check.state

    assert outcome(0) == ([], "pass")
    # Five lost and none gained: p = 2 · 0.5⁵ = 0.0625. Six: 0.03.
    assert outcome(5) == ([], "unchecked")
    assert outcome(6) == (["accuracy"], "fail")
