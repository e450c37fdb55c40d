"""Advice is given where it is due, fails no file, and what it claims is what LiteRT does."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import interpreter as litert
from ai_edge_litert import schema_py_generated as schema

from qat_kit.litert.model_file import read_model
from qat_kit.results import Certificate, Finding
from qat_kit.schemes import get_scheme
from qat_kit.targets import get_target
from qat_kit.verify import verify
from qat_kit.verify.acceleration import places
from qat_kit.verify.subject import Subject
from tests.support.tflite import Builder, changed, int8_network, shared_files


def warned(certificate: Certificate) -> dict[str, tuple[Finding, ...]]:
    return {check.name: check.findings for check in certificate.checks if check.severity == "warn" and check.findings}


# ----------------------------------------------------------------------------------------------- waste


def test_dead_tensors_and_operators() -> None:
    def plant(model: schema.ModelT) -> None:
        graph = model.subgraphs[0]
        dead = schema.TensorT()
        dead.name, dead.shape, dead.type = "forgotten", [3], schema.TensorType.INT8
        graph.tensors.append(dead)
        unread = schema.TensorT()
        unread.name, unread.shape, unread.type = "digits/tap/Relu", [1, 3], schema.TensorType.INT8
        unread.quantization = schema.QuantizationParametersT()
        unread.quantization.scale, unread.quantization.zeroPoint = [0.5], [0]
        graph.tensors.append(unread)
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.RELU
        code.version = 2
        model.operatorCodes.append(code)
        relu = schema.OperatorT()
        logits = graph.operators[3].outputs[0]
        relu.opcodeIndex, relu.inputs, relu.outputs = len(model.operatorCodes) - 1, [logits], [len(graph.tensors) - 1]
        graph.operators.append(relu)

    certificate = verify(changed(int8_network(), plant), layers=("logits", "tap"))
    assert certificate.passed
    first, second = warned(certificate)["dead tensors"]
    assert (first.tensor, first.op) == ("forgotten", None)
    assert (second.op, second.op_index, second.layer) == ("RELU", 5, "tap")
    assert second.message == "computes what nobody reads"


def test_duplicated_buffers_are_counted_by_buffer_not_by_tensor() -> None:
    kernel = np.random.default_rng(0).integers(-127, 128, (16, 16), dtype=np.int8)

    def twins(*, shared: bool) -> bytes:
        graph = Builder()
        x = graph.tensor("x", [1, 16], "INT8", scale=[1.0], zero_point=[0])
        for index in range(2):
            w = graph.tensor(f"w{index}", [16, 16], "INT8", scale=[0.1], zero_point=[0], data=kernel)
            if shared and index:
                graph.graph.tensors[w].buffer = graph.graph.tensors[w - 2].buffer
            y = graph.tensor(f"y{index}", [1, 16], "INT8", scale=[1.0], zero_point=[0])
            graph.op("FULLY_CONNECTED", [x, w, -1], [y], options=schema.FullyConnectedOptionsT(), version=4)
            x = y
        return graph.bytes([0], [x])

    (finding,) = warned(verify(twins(shared=False)))["duplicated buffers"]
    assert finding.message == "tensor 'w1' has the same 256 bytes as 'w0', in a buffer of its own"
    assert "duplicated buffers" not in warned(verify(twins(shared=True)))


# --------------------------------------------------------------------------------------------- hazards


def one_op(op, shapes, result, options=None, *, scales=None, version=1):
    graph = Builder()
    scales = scales or [0.5] * (len(shapes) + 1)
    inputs = [
        graph.tensor(f"x{position}", shape, "INT8", scale=[scale], zero_point=[0])
        for position, (shape, scale) in enumerate(zip(shapes, scales, strict=False))
    ]
    y = graph.tensor("y", result, "INT8", scale=[scales[-1]], zero_point=[0])
    return graph, inputs, y, options, op, version


def finished(graph, inputs, y, options, op, version, *constants):
    graph.op(op, [*inputs, *constants], [y], options=options, version=version)
    return graph.bytes(inputs, [y])


def softmax(length):
    options = schema.SoftmaxOptionsT()
    options.beta = 1.0
    graph = Builder()
    x = graph.tensor("x", [1, length], "INT8", scale=[2**-10], zero_point=[0])
    y = graph.tensor("y", [1, length], "INT8", scale=[1 / 256], zero_point=[-128])
    graph.op("SOFTMAX", [x], [y], options=options, version=2)
    return graph.bytes([x], [y])


def faint_softmax(scale):
    options = schema.SoftmaxOptionsT()
    options.beta = 1.0
    graph = Builder()
    x = graph.tensor("x", [1, 3], "INT8", scale=[scale], zero_point=[0])
    y = graph.tensor("y", [1, 3], "INT8", scale=[1 / 256], zero_point=[-128])
    graph.op("SOFTMAX", [x], [y], options=options, version=2)
    return graph.bytes([x], [y])


def resize(length, target):
    options = schema.ResizeBilinearOptionsT()
    graph, inputs, y, *rest = one_op("RESIZE_BILINEAR", [[1, 1, length, 1]], [1, 1, target, 1], options, version=3)
    size = graph.tensor("size", [2], "INT32", data=np.array([1, target], np.int32))
    return finished(graph, inputs, y, *rest, size)


def add(output_scale):
    scales = [0.5, 0.5, output_scale]
    return finished(*one_op("ADD", [[1, 4], [1, 4]], [1, 4], schema.AddOptionsT(), scales=scales, version=2))


def div(output_scale):
    scales = [0.01, 0.01, output_scale]
    return finished(*one_op("DIV", [[1, 4], [1, 4]], [1, 4], schema.DivOptionsT(), scales=scales, version=2))


def squared_difference(output_scale):
    options, scales = schema.SquaredDifferenceOptionsT(), [1.0, 1.0, output_scale]
    return finished(*one_op("SQUARED_DIFFERENCE", [[1, 4], [1, 4]], [1, 4], options, scales=scales, version=2))


def hard_swish(output_scale):
    return finished(*one_op("HARD_SWISH", [[1, 4]], [1, 4], scales=[1.0, output_scale]))


def total(kind):
    del kind
    graph, inputs, y, *rest = one_op("SUM", [[1, 4]], [1], schema.ReducerOptionsT())
    axes = graph.tensor("axes", [1], "INT32", data=np.array([1], np.int32))
    return finished(graph, inputs, y, *rest, axes)


def depthwise(has_bias):
    graph = Builder()
    x = graph.tensor("x", [1, 4, 4, 2], "INT8", scale=[0.5], zero_point=[0])
    ones = np.ones((1, 3, 3, 2), np.int8)
    w = graph.tensor("w", [1, 3, 3, 2], "INT8", scale=[0.5, 0.5], zero_point=[0, 0], axis=3, data=ones)
    bias = graph.tensor("b", [2], "INT32", scale=[0.25] * 2, zero_point=[0, 0], data=np.zeros(2, np.int32))
    y = graph.tensor("y", [1, 4, 4, 2], "INT8", scale=[0.5], zero_point=[0])
    options = schema.DepthwiseConv2DOptionsT()
    options.strideW = options.strideH = options.dilationWFactor = options.dilationHFactor = options.depthMultiplier = 1
    graph.op("DEPTHWISE_CONV_2D", [x, w, bias if has_bias else -1], [y], options=options, version=3)
    return graph.bytes([x], [y])


@pytest.mark.parametrize(
    ("make", "harmless", "harmful", "message"),
    [
        (softmax, 511, 512, "the reference kernel ends the process"),
        (faint_softmax, 2.0**-25, 2.0**-26, "end the process"),
        (resize, 4, None, "LiteRT's kernels read past the last one"),
        (add, 2.0**-19, 2.0**-20, "LiteRT aborts"),
        # 1 / 2⁻⁷ has as many bits as a divisor of 128.
        (div, 2.0**-7, 0.5, "shifts by more than 31 bits"),
        (squared_difference, 2.0**-11, 2.0**-12, "on which LiteRT aborts"),
        (hard_swish, 1 / 127, 1 / 128, "128 times its output's"),
        (depthwise, True, False, "builtin kernels of LiteRT 2.3 crash"),
        (total, None, "INT8", "read as unsigned codes by the reference kernel"),
    ],
)
def test_hazards(make, harmless, harmful, message) -> None:
    if make is resize:
        # The first width that runs past the end of three pixels.
        assert "kernel hazards" not in warned(verify(resize(3, 9)))
        harmful_file = next(
            data for target in range(600, 3000) if "kernel hazards" in warned(verify(data := resize(3, target)))
        )
    else:
        if harmless is not None:
            assert "kernel hazards" not in warned(verify(make(harmless)))
        harmful_file = make(harmful)
    certificate = verify(harmful_file)
    (finding,) = warned(certificate)["kernel hazards"]
    assert message in finding.message
    assert finding.remedy
    assert certificate.passed or make is not depthwise


# ------------------------------------------------------------------------------------------ acceleration


def delegated(path, graph) -> set[int]:
    """The operators that XNNPACK really took: those between the inputs and the outputs of its node."""
    runtime = litert.Interpreter(model_path=str(path))
    runtime.allocate_tensors()
    makers = {index: operator for operator in graph.operators for index in operator.outputs}
    taken: set[int] = set()
    for node in runtime._get_ops_details():
        if node["op_name"] != "DELEGATE":
            continue
        outside, wanted = {int(index) for index in node["inputs"]}, [int(index) for index in node["outputs"]]
        while wanted:
            index = wanted.pop()
            operator = makers.get(index)
            if index not in outside and operator is not None and operator.index not in taken:
                taken.add(operator.index)
                wanted += operator.inputs
    return taken


@pytest.mark.parametrize("path", shared_files(), ids=lambda path: path.stem)
def test_what_leaves_xnnpack_is_what_xnnpack_leaves(path) -> None:
    model = read_model(path)
    graph = model.subgraphs[0]
    try:
        taken = delegated(path, graph)
    except (RuntimeError, ValueError):
        pytest.skip("LiteRT does not run this file")
    read = {index for operator in graph.operators if operator.op != "ASSIGN_VARIABLE" for index in operator.inputs}
    subject = Subject(model=model, scheme=get_scheme("w8a8"), target=get_target("litert_xnnpack"))
    judged = [
        place
        for place in places(subject)
        # What goes into a variable alone cannot be seen from outside the delegate.
        if place.step.graph.index == 0 and (read | set(graph.outputs)) & set(place.step.operator.outputs)
    ]
    wrong = {
        (place.step.operator.index, place.step.operator.op)
        for place in judged
        if (not place.obstacles) != (place.step.operator.index in taken)
    }
    assert not wrong


def test_what_a_target_cannot_run_fails_the_file() -> None:
    graph, inputs, y, *rest = one_op("ELU", [[1, 4]], [1, 4])
    data = finished(graph, inputs, y, *rest)
    assert verify(data).passed
    certificate = verify(data, target="litert_reference")
    (check,) = [check for check in certificate.checks if not check.passed]
    assert check.name == "runs on the target"
    assert check.findings[0].message == "cannot run on litert_reference: litert_reference has no kernel for ELU"
    assert verify(data, target=None).target is None


def test_what_it_costs_to_leave() -> None:
    certificate = verify(int8_network(), target="ethos_u55")
    assert certificate.figures is not None
    assert certificate.figures.accelerated_operators == certificate.figures.judged_operators == 5
    assert certificate.figures.accelerated_macs == certificate.figures.num_macs == 16 * 4 * 18 + 64 * 9 + 3 * 64
