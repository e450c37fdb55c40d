"""Operator versions against the runtimes that have them, and the table of versions against real files."""

from __future__ import annotations

import pytest
from ai_edge_litert import schema_py_generated as schema

from qat_kit.litert.model_file import read_model
from qat_kit.schemes import get_scheme
from qat_kit.spec.runtime_versions import release
from qat_kit.verify import verify
from qat_kit.verify.subject import Subject
from qat_kit.verify.versions import oldest_runtime
from tests.support.tflite import changed, int8_network, parse, shared_files


def failed(certificate):
    return {check.name: check.findings for check in certificate.checks if not check.passed}


def test_an_older_runtime_than_the_file_needs() -> None:
    network = int8_network()
    assert verify(network).figures.minimum_runtime == "1.14"
    assert verify(network, runtime="1.14").passed
    findings = failed(verify(network, runtime="1.13.1"))
    assert list(findings) == ["operator versions"]
    assert {finding.op for finding in findings["operator versions"]} == {
        *("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "SOFTMAX")
    }
    assert "version 3, which came with TensorFlow Lite 1.14; 1.13.1 was asked for" in (
        findings["operator versions"][0].message
    )


def test_a_version_that_no_runtime_has() -> None:
    def plant(model: schema.ModelT) -> None:
        model.operatorCodes[4].version = 77

    certificate = verify(changed(int8_network(), plant))
    findings = failed(certificate)
    assert list(findings) == ["operator versions"]
    assert findings["operator versions"][0].op == "SOFTMAX"
    assert certificate.figures.minimum_runtime is None


def written_by_the_converter(path) -> str | None:
    model = parse(path.read_bytes())
    for entry in model.metadata or ():
        if entry.name == b"min_runtime_version":
            data = model.buffers[entry.buffer].data
            return None if data is None else bytes(data).rstrip(b"\0").decode() or None
    return None


WITH_VERSION = [path for path in shared_files() if written_by_the_converter(path)]


@pytest.mark.parametrize("path", WITH_VERSION, ids=lambda path: path.stem)
def test_the_table_says_what_the_converter_wrote(path) -> None:
    subject = Subject(model=read_model(path), scheme=get_scheme("w8a8"))
    found = oldest_runtime(subject)
    assert found is not None
    written = written_by_the_converter(path)
    # An early converter wrote this one, and says 1.5 of a depthwise convolution at version 3.
    assert (release(found) == release(written)) is (path.stem != "tflite-micro__micro_speech_quantized")
