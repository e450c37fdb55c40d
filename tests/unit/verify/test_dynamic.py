"""Files that are run: on what, what they are held against, and what is said where nothing can be said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from qat_kit.errors import DataError
from qat_kit.litert.child import Limits
from qat_kit.litert.model_file import read_model
from qat_kit.measure.simulator import Simulator
from qat_kit.results import Certificate, Check
from qat_kit.schemes import get_scheme
from qat_kit.targets import get_target
from qat_kit.verify import RunRequest, verify
from qat_kit.verify.dynamic.bench import Bench
from qat_kit.verify.dynamic.equality import equality_on
from qat_kit.verify.subject import Subject
from tests.support.tflite import Builder, changed, int8_network, shared_file

KERNEL_SETS = ("reference", "builtin", "xnnpack")


def check(certificate: Certificate, name: str) -> Check:
    return next(each for each in certificate.checks if each.name == name)


def simulated(certificate: Certificate) -> list[Check]:
    return [check(certificate, f"equals the simulator ({each})") for each in KERNEL_SETS]


def test_without_anything_beside_it_a_file_runs_on_random_inputs(tmp_path: Path) -> None:
    certificate = verify(int8_network(), run=RunRequest(seed=5, num_random=3))
    assert certificate.passed
    assert certificate.ran_on["inputs"] == "3 inputs drawn at random (seed 5)"
    assert [each.figures["elements"] for each in simulated(certificate)] == [9, 9, 9]
    missing = {each.name: each.reason for each in certificate.checks if each.outcome == "not_applicable"}
    assert missing == {
        "golden vectors": "there is no manifest with golden vectors",
        "parity with training": "the trained model's answers were not given",
        "accuracy": "no labelled samples were given",
    }
    assert Certificate.load(certificate.save(tmp_path / "certificate.json")) == certificate
    assert verify(int8_network(), run=RunRequest(seed=5, num_random=3)) == certificate


def test_a_simulation_that_is_not_literts_names_the_first_operator() -> None:
    """LiteRT runs one file, and the simulator another, whose dense layer has one weight more."""
    content = int8_network()

    def heavier(model: schema.ModelT) -> None:
        tensor = next(each for each in model.subgraphs[0].tensors if each.name == b"digits/logits/MatMul")
        codes = np.array(model.buffers[tensor.buffer].data, np.uint8)
        codes.view(np.int8)[:64] = 127
        model.buffers[tensor.buffer].data = codes

    subject = Subject(model=read_model(content), scheme=get_scheme("w8a8"), target=get_target("litert_xnnpack"))
    simulator = Simulator(changed(content, heavier), limits=Limits())
    try:
        with Bench(content, subject, RunRequest()) as bench:
            found = equality_on(bench, simulator, "reference")
    finally:
        simulator.close()
    assert found.state == "fail"
    assert found.figures["differing"] != 0
    (finding,) = found.findings
    assert (finding.op, finding.op_index, finding.layer) == ("FULLY_CONNECTED", 3, "logits")
    assert "is the first whose codes on reference are not the simulator's" in finding.message


def test_what_the_simulator_may_not_compute_stays_open() -> None:
    certificate = verify(int8_network(), run=RunRequest(max_simulated_macs=100))
    assert certificate.passed
    assert [each.state for each in simulated(certificate)] == ["unchecked"] * 3
    assert "one inference takes 1,920 products, and the simulator was allowed 100" in simulated(certificate)[0].reason
    assert certificate.verdict.endswith(", 1 warning, 3 unchecked")


def test_what_is_not_simulated_is_named() -> None:
    certificate = verify(shared_file("micro-wake-word-models__vad.tflite"), run=RunRequest())
    assert [each.state for each in simulated(certificate)] == ["unchecked"] * 3
    assert simulated(certificate)[0].reason.startswith("not simulated: ")
    assert "VAR_HANDLE" in simulated(certificate)[0].reason


def test_a_file_with_a_state_is_compared_on_its_first_input() -> None:
    certificate = verify(shared_file("tflite-micro__dtln_noise_suppression.tflite"), run=RunRequest(num_random=3))
    for found in simulated(certificate):
        assert (found.outcome, found.figures["num_samples"], found.figures["differing"]) == ("checked", 1, 0)


def test_float_activations_are_no_matter_for_the_simulator() -> None:
    graph = Builder()
    x, y = (graph.tensor(name, [1, 2], "FLOAT32") for name in "xy")
    graph.op("LOGISTIC", [x], [y])
    certificate = verify(graph.bytes([x], [y]), scheme_name="fp16", run=RunRequest())
    assert {each.outcome for each in simulated(certificate)} == {"not_applicable"}


def test_a_file_that_kills_its_kernels_fails_and_kills_nothing_else() -> None:
    """A depthwise convolution without bias ends the builtin kernels, and XNNPACK's with them, by a signal."""

    def without_bias(model: schema.ModelT) -> None:
        model.subgraphs[0].operators[1].inputs = list(model.subgraphs[0].operators[1].inputs[:2])

    certificate = verify(changed(int8_network(), without_bias), run=RunRequest())
    (finding,) = certificate.findings
    assert "with kernel set xnnpack" in finding.message
    assert "SIGSEGV" in finding.message
    assert [each.state for each in simulated(certificate)] == ["pass", "unchecked", "unchecked"]


@pytest.mark.parametrize(
    ("length", "reason"), [(10 << 20, "one run takes and gives 20,971,520 bytes, and 16,777,216"), (0, "takes shape")]
)
def test_inputs_of_an_absurd_size_are_not_drawn(length: int, reason: str) -> None:
    graph = Builder()
    x, y = (graph.tensor(name, [1, length], "INT8", scale=[1.0], zero_point=[0]) for name in "xy")
    graph.op("RESHAPE", [x, graph.tensor("shape", [2], "INT32", data=np.array([1, length], np.int32))], [y])
    certificate = verify(graph.bytes([x], [y]), run=RunRequest(limits=Limits(memory_bytes=256 << 20)))
    assert reason in check(certificate, "runs").findings[0].message


def test_kernel_sets_that_flip_answers_are_advised_on() -> None:
    """Two classes next to each other, on samples: a twin of the net's own weights makes ties that rounding decides."""
    random = np.random.default_rng(0)
    graph = Builder()
    x = graph.tensor("x", [1, 8, 8, 4], "INT8", scale=[0.05], zero_point=[3])
    kernel = random.integers(-127, 128, (2, 3, 3, 4), dtype=np.int8)
    kernel[1] = kernel[0]
    kernel[1, 0, 0, 0] += 1 if kernel[0, 0, 0, 0] < 127 else -1
    scale = [0.003, 0.003]
    w = graph.tensor("net/conv/Conv2D", [2, 3, 3, 4], "INT8", scale=scale, zero_point=[0, 0], data=kernel)
    bias = graph.tensor("b", [2], "INT32", scale=[0.00015] * 2, zero_point=[0, 0], data=np.zeros(2, np.int32))
    y = graph.tensor("net/conv/y", [1, 8, 8, 2], "INT8", scale=[0.0173], zero_point=[0])
    options = schema.Conv2DOptionsT()
    options.strideW = options.strideH = options.dilationWFactor = options.dilationHFactor = 1
    graph.op("CONV_2D", [x, w, bias], [y], options=options, version=3)
    axes = graph.tensor("axes", [2], "INT32", data=np.array([1, 2], np.int32))
    z = graph.tensor("net/mean/z", [1, 2], "INT8", scale=[0.003], zero_point=[0])
    graph.op("MEAN", [y, axes], [z], options=schema.ReducerOptionsT(), version=2)
    samples = random.normal(size=(64, 8, 8, 4)).astype(np.float32)
    request = RunRequest(samples={"x": samples})
    found = check(verify(graph.bytes([x], [z]), run=request), "kernel sets agree")
    assert found.state == "warn"
    assert found.passed
    flips = [pair["flips"] for pair in found.figures.values()]  # type: ignore[index, call-overload]  # JSON
    assert max(flips) > 0.05
    assert "of top-1 answers to 64 samples" in found.findings[0].message
    # Noise says nothing of how a net will be used.
    assert check(verify(graph.bytes([x], [z]), run=RunRequest()), "kernel sets agree").state == "pass"


def test_samples_that_do_not_fit_are_refused() -> None:
    samples = {"pixels": np.zeros((4, 4, 4, 2), np.float32)}
    with pytest.raises(DataError, match="input 'pixels' takes shape"):
        verify(int8_network(), run=RunRequest(samples={"pixels": np.zeros((4, 3, 3, 2), np.float32)}))
    answers = np.zeros((4, 3), np.float32)
    with pytest.raises(DataError, match=r"the trained model has the outputs \['a', 'b'\], and the file has"):
        verify(int8_network(), run=RunRequest(samples=samples, trained={"a": answers, "b": answers}))
    with pytest.raises(DataError, match=r"has shape \[4, 2\], and the file's \[4, 3\]"):
        verify(int8_network(), run=RunRequest(samples=samples, trained={"softmax": np.zeros((4, 2), np.float32)}))
