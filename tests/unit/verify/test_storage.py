"""Files whose activations stay float: the certificate says what they are, and finds what they should not hold."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from qat_kit.results import Certificate, Finding
from qat_kit.verify import verify
from tests.support.tflite import Builder, int8_network, shared_file

SHAPE = (64, 32)


def failed(certificate: Certificate) -> dict[str, tuple[Finding, ...]]:
    return {check.name: check.findings for check in certificate.checks if not check.passed}


def dense(kind: str, *, unpacked: bool, per_axis: bool = True, highest: int = 127, shape=SHAPE) -> bytes:
    """A float FULLY_CONNECTED whose weights are stored as `kind`, behind a DEQUANTIZE or read as they are."""
    random, graph = np.random.default_rng(0), Builder()
    x = graph.tensor("x", [1, shape[1]], "FLOAT32")
    count = shape[0] if per_axis else 1
    scales = {"scale": [0.01] * count, "zero_point": [0] * count} if kind.startswith("INT") else {}
    if kind.startswith("FLOAT"):
        data = random.normal(size=shape).astype(kind.lower())
    elif kind == "INT4":
        data = random.integers(0, 256, shape[0] * shape[1] // 2).astype(np.uint8)
    else:
        data = random.integers(-highest, highest + 1, shape).astype(np.int8)
    w = graph.tensor("net/dense/MatMul", shape, kind, data=data, **scales)
    if unpacked:
        stored, w = w, graph.tensor("net/dense/MatMul1", shape, "FLOAT32")
        graph.op("DEQUANTIZE", [stored], [w], version=3)
    y = graph.tensor("y", [1, shape[0]], "FLOAT32")
    graph.op("FULLY_CONNECTED", [x, w, -1], [y], options=schema.FullyConnectedOptionsT(), version=4)
    return graph.bytes([x], [y])


@pytest.mark.parametrize(
    ("scheme", "kind", "unpacked"),
    [("fp16", "FLOAT16", True), ("w8_dynamic", "INT8", False), ("w8_dynamic", "INT8", True)],
)
def test_what_a_scheme_says(scheme: str, kind: str, unpacked: bool) -> None:
    certificate = verify(dense(kind, unpacked=unpacked), scheme_name=scheme)
    assert certificate.findings == ()
    assert certificate.verdict.startswith(f"as scheme {scheme} says, float activations: {1 + unpacked} operators")
    assert certificate.figures is not None
    assert certificate.figures.contents == (
        f"activations FLOAT32; weights {kind}{' per channel' if kind == 'INT8' else ''}"
    )


@pytest.mark.parametrize(
    ("scheme", "data", "checks", "message"),
    [
        ("fp16", dense("FLOAT32", unpacked=False), ["stored weights"], "stored in FLOAT32, not FLOAT16"),
        ("w8_dynamic", dense("FLOAT32", unpacked=False), ["stored weights"], "stored in FLOAT32, not INT8"),
        ("w8_dynamic", dense("INT8", unpacked=False, highest=128), ["weight codes"], "codes -128 to"),
        ("w4_weight_only", dense("INT8", unpacked=True), ["weight codes"], "outside −7 to 7"),
        ("w4_weight_only", dense("FLOAT16", unpacked=True), ["stored weights"], "FLOAT16, not INT4 or INT8"),
    ],
)
def test_what_it_does_not(scheme: str, data: bytes, checks: list[str], message: str) -> None:
    findings = failed(verify(data, scheme_name=scheme))
    assert list(findings) == checks
    (finding,) = findings[checks[0]]
    assert message in finding.message
    assert finding.layer == "dense"


def test_the_converter_leaves_small_weights_float() -> None:
    assert verify(dense("FLOAT32", unpacked=False, shape=(31, 32)), scheme_name="w8_dynamic").passed
    assert not verify(dense("FLOAT32", unpacked=False, shape=(32, 32)), scheme_name="w8_dynamic").passed


def test_an_int8_file_is_no_file_of_float_activations() -> None:
    findings = failed(verify(int8_network(), scheme_name="w8_dynamic"))
    assert list(findings) == ["float activations", "inputs and outputs"]
    assert len(findings["float activations"]) == 5


def test_a_float_scheme_asks_for_float_ends_unless_others_were_asked_for() -> None:
    data = dense("FLOAT16", unpacked=True)
    assert list(failed(verify(data, scheme_name="fp16", io="int8"))) == ["inputs and outputs"]


def test_what_others_made_is_said_in_words() -> None:
    expected = {
        "test_data__mobilenet_v1_0.25_128_quant": "activations UINT8; weights UINT8 per tensor, asymmetric",
        "tflite-micro__person_detect_vela": "activations INT8; custom operators ethos-u",
        "tflite-micro__sine_float": "activations FLOAT32; weights FLOAT32",
        "tinyengine__vww": "activations INT8 (62), FLOAT32 (1); weights INT8 per tensor and per channel",
    }
    for name, contents in expected.items():
        figures = verify(shared_file(f"{name}.tflite")).figures
        assert figures is not None
        assert figures.contents == contents
