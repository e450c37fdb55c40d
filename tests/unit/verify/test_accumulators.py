"""Sums that may leave their accumulator are found, at the very code where they do, and no other sum is."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from qat_kit.results import Certificate, Finding
from qat_kit.verify import verify
from tests.support.tflite import Builder

INT32_MAXIMUM = 2**31 - 1


def failed(certificate: Certificate) -> dict[str, tuple[Finding, ...]]:
    return {check.name: check.findings for check in certificate.checks if not check.passed}


def dense(weights: np.ndarray, bias: list[int], *, zero_point: int = -128, kind: str = "INT8", out: float = 1) -> bytes:
    """FULLY_CONNECTED; every scale is 1, so that bias codes are what they look like. out: the output's scale."""
    graph = Builder()
    units, depth = weights.shape
    wide = kind == "INT16"
    x = graph.tensor("x", [1, depth], kind, scale=[1.0], zero_point=[zero_point])
    w = graph.tensor("w", [units, depth], "INT8", scale=[1.0], zero_point=[0], data=weights.astype(np.int8))
    codes = np.array(bias, np.int64 if wide else np.int32)
    b = graph.tensor("b", [units], codes.dtype.name.upper(), scale=[1.0], zero_point=[0], data=codes)
    y = graph.tensor("y", [1, units], kind, scale=[out], zero_point=[0])
    graph.op("FULLY_CONNECTED", [x, w, b], [y], options=schema.FullyConnectedOptionsT(), version=7 if wide else 4)
    return graph.bytes([x], [y])


def test_the_bound_is_met_at_the_very_code() -> None:
    weights = np.array([[100, -50], [1, 1]])
    # x − zero_point runs from 0 to 255 and both weights can be met at once: 25,500 up, 12,750 down.
    fits = dense(weights, [INT32_MAXIMUM - 25_500, 0])
    assert verify(fits).passed
    beyond = dense(weights, [INT32_MAXIMUM - 25_499, 0])
    findings = failed(verify(beyond))
    assert list(findings) == ["accumulators"]
    (finding,) = findings["accumulators"]
    assert (finding.op, finding.op_index, finding.tensor) == ("FULLY_CONNECTED", 0, "w")
    assert finding.message == (
        "can sum to -12750 … 2147483648 in channel 0, and its accumulator holds -2147483648 … 2147483647"
    )
    lowest = -(2**31) + 12_750
    assert verify(dense(weights, [lowest, 0])).passed
    assert list(failed(verify(dense(weights, [lowest - 1, 0])))) == ["accumulators"]


def test_the_zero_point_counts() -> None:
    weights, room = np.full((1, 4), 127), INT32_MAXIMUM - 4 * 127 * 255
    assert verify(dense(weights, [room], zero_point=-128)).passed
    assert not verify(dense(weights, [room + 1], zero_point=-128)).passed
    # Between −255 and 0 these weights sum to nothing above the bias.
    assert verify(dense(weights, [INT32_MAXIMUM], zero_point=127)).passed


def test_sums_on_the_way_count_too() -> None:
    """The products alone run up to the bound before a negative bias pulls them back."""
    weights = np.full((1, 70_000), 127)
    (finding,) = failed(verify(dense(weights, [-(10**9)])))["accumulators"]
    assert f"… {70_000 * 127 * 255}" in finding.message
    assert verify(dense(np.full((1, 66_000), 127), [0])).passed


def test_beside_16_bits_the_sum_has_48() -> None:
    weights = np.array([[127, -127]])
    room = 2**47 - 1 - 127 * (32767 + 32768)
    assert verify(dense(weights, [room], zero_point=0, kind="INT16"), scheme_name="w8a16").passed
    findings = failed(verify(dense(weights, [room + 1], zero_point=0, kind="INT16"), scheme_name="w8a16"))
    assert list(findings) == ["accumulators"]


def window(op: str, weights: np.ndarray, bias: int, *, stride: int = 1) -> bytes:
    graph = Builder()
    channels = weights.shape[3]
    x = graph.tensor("x", [1, 4, 4, channels], "INT8", scale=[1.0], zero_point=[-128])
    axis = 3 if op == "DEPTHWISE_CONV_2D" else 0
    count = weights.shape[axis]
    ones, zeros = [1.0] * count, [0] * count
    w = graph.tensor("w", weights.shape, "INT8", scale=ones, zero_point=zeros, axis=axis, data=weights.astype(np.int8))
    codes = np.full(count, bias, np.int32)
    b = graph.tensor("b", [count], "INT32", scale=ones, zero_point=zeros, data=codes)
    side = 4 * stride if op == "TRANSPOSE_CONV" else 4
    y = graph.tensor("y", [1, side, side, count], "INT8", scale=[1.0], zero_point=[0])
    if op == "TRANSPOSE_CONV":
        options = schema.TransposeConvOptionsT()
        shape = graph.tensor("shape", [4], "INT32", data=np.array([1, side, side, count], np.int32))
        inputs = [shape, w, x, b]
    else:
        options = schema.Conv2DOptionsT() if op == "CONV_2D" else schema.DepthwiseConv2DOptionsT()
        options.dilationWFactor = options.dilationHFactor = 1
        if op == "DEPTHWISE_CONV_2D":
            options.depthMultiplier = 1
        inputs = [x, w, b]
    options.strideW = options.strideH = stride
    graph.op(op, inputs, [y], options=options, version=3)
    return graph.bytes([x], [y])


@pytest.mark.parametrize(
    ("op", "shape", "stride", "products"),
    [
        ("CONV_2D", (2, 3, 3, 5), 1, 45),
        ("DEPTHWISE_CONV_2D", (1, 3, 3, 5), 1, 9),
        ("TRANSPOSE_CONV", (2, 3, 3, 5), 1, 45),
        # Of three taps a side at most two have the same remainder by a stride of two.
        ("TRANSPOSE_CONV", (2, 3, 3, 5), 2, 20),
    ],
)
def test_the_weights_that_meet_in_one_sum(op: str, shape: tuple[int, ...], stride: int, products: int) -> None:
    room = INT32_MAXIMUM - products * 127 * 255
    weights = np.full(shape, 127)
    assert verify(window(op, weights, room, stride=stride)).findings == ()
    findings = failed(verify(window(op, weights, room + 1, stride=stride)))
    assert list(findings) == ["accumulators"]
    assert findings["accumulators"][0].op == op


def test_litert_really_wraps_where_the_check_says_so() -> None:
    """The bound is no theory: one code further, the reference kernel's answer changes its sign."""
    from qat_kit.litert.interpreter import Interpreter

    answers = {}
    for excess in (0, 1):
        data = dense(np.array([[127]]), [INT32_MAXIMUM - 127 * 255 + excess], out=2.0**24)
        assert verify(data).passed is (excess == 0)
        answers[excess] = int(Interpreter(data, kernel_set="builtin").run(np.full((1, 1), 127, np.int8)).item())
    assert answers == {0: 127, 1: -128}


def test_a_product_of_two_activations() -> None:
    def product(depth: int) -> bytes:
        graph = Builder()
        a = graph.tensor("a", [1, depth], "INT8", scale=[1.0], zero_point=[-128])
        b = graph.tensor("b", [depth, 1], "INT8", scale=[1.0], zero_point=[127])
        y = graph.tensor("y", [1, 1], "INT8", scale=[1.0], zero_point=[0])
        graph.op("BATCH_MATMUL", [a, b], [y], options=schema.BatchMatMulOptionsT())
        return graph.bytes([a, b], [y])

    fits = INT32_MAXIMUM // (255 * 255)
    assert verify(product(fits)).passed
    assert list(failed(verify(product(fits + 1)))) == ["accumulators"]
