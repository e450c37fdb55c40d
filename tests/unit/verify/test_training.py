"""What training used is found in the file to the bit, or what differs is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from qat_kit.errors import DataError
from qat_kit.files import sha256
from qat_kit.litert.model_file import read_model
from qat_kit.results import Certificate, Finding, TrainedTensors
from qat_kit.verify import verify
from tests.support.tflite import Builder, changed, int8_network

Expected = dict[str, Any]

OUTPUTS = ("pixels", "relu1", "depth1", "logits", "softmax")
WEIGHTS = ("conv1", "depth1", "logits")


@pytest.fixture(scope="module")
def network() -> bytes:
    return int8_network()


@pytest.fixture
def expected(network: bytes) -> Expected:
    """What training would have written, had it made this file."""
    tensors = {tensor.name: tensor for tensor in read_model(network).subgraphs[0].tensors}
    outputs = {
        "pixels": "serving_default_pixels:0",
        "relu1": "digits/relu1/Relu;digits/conv1/BiasAdd;digits/conv1/Conv2D",
        "depth1": "digits/depth1/depthwise1",
        "logits": "digits/logits/MatMul;digits/logits/BiasAdd",
        "softmax": "StatefulPartitionedCall:0",
    }
    weights = {
        "conv1": "digits/conv1/Conv2D",
        "depth1": "digits/depth1/depthwise",
        "logits": "digits/logits/MatMul",
    }

    def entry(layer: str, name: str) -> Expected:
        tensor = tensors[name]
        entry = {
            "scale": tensor.scale.tolist(),
            "zero_point": tensor.zero_point.tolist(),
            "num_bits": 8,
            "layer": layer,
        }
        return entry if tensor.data is None else {**entry, "sha256": sha256(tensor.data.tobytes())}

    # The builder calls the constants so in the order of their operators.
    biases = {"conv1": "arith.constant", "depth1": "arith.constant1", "logits": "arith.constant3"}

    def real(name: str) -> list[float]:
        tensor = tensors[name]
        return (tensor.data * tensor.scale.astype(np.float64)).tolist()

    return {
        "biases": {layer: real(name) for layer, name in biases.items()},
        "outputs": {layer: entry(layer, name) for layer, name in outputs.items()},
        "weights": {layer: entry(layer, name) for layer, name in weights.items()},
    }


def failed(certificate: Certificate) -> dict[str, tuple[Finding, ...]]:
    return {check.name: check.findings for check in certificate.checks if not check.passed}


def rename(before: str, after: str) -> Callable[[schema.ModelT], None]:
    def change(model: schema.ModelT) -> None:
        for tensor in model.subgraphs[0].tensors:
            tensor.name = tensor.name.decode().replace(before, after)

    return change


def test_the_file_that_training_asked_for_passes(network: bytes, expected: Expected) -> None:
    certificate = verify(network, expected=expected)
    assert certificate.findings == ()
    assert [check.name for check in certificate.checks][-5:] == [
        "trained outputs",
        "trained weights",
        "trained tables",
        "trained biases",
        "nothing filled in",
    ]


def test_a_record_in_json_says_the_same(network: bytes, expected: Expected, tmp_path: Path) -> None:
    path = TrainedTensors.model_validate(expected).save(tmp_path / "tensors.json")
    assert verify(network, expected=json.loads(path.read_text())).passed
    assert verify(network, expected=TrainedTensors.load(path)).passed


def test_without_it_nothing_is_compared(network: bytes) -> None:
    assert not any("trained" in check.name for check in verify(network).checks)


def test_a_record_that_contradicts_itself_is_refused(network: bytes, expected: Expected) -> None:
    expected["outputs"]["relu1"]["zero_point"] = [0, 0]
    with pytest.raises(DataError, match="1 scales need as many zero points, received 2"):
        verify(network, expected=expected)
    expected["outputs"]["relu1"] |= {"zero_point": [], "scale": []}
    with pytest.raises(DataError, match="at least 1 item"):
        verify(network, expected=expected)


@pytest.mark.parametrize("layer", OUTPUTS)
def test_an_output_scale_that_is_off_by_one_unit_in_the_last_place(
    network: bytes, expected: Expected, layer: str
) -> None:
    entry = expected["outputs"][layer]
    entry["scale"] = [float(np.nextafter(np.float32(entry["scale"][0]), np.float32(1)))]
    findings = failed(verify(network, expected=expected))
    assert list(findings) == ["trained outputs"]
    (finding,) = findings["trained outputs"]
    assert f"{entry['scale'][0]!r}" in finding.message
    assert f"layer {layer!r}" in finding.message


@pytest.mark.parametrize("layer", OUTPUTS)
def test_an_output_zero_point_that_is_off_by_one(network: bytes, expected: Expected, layer: str) -> None:
    expected["outputs"][layer]["zero_point"][0] += 1
    assert list(failed(verify(network, expected=expected))) == ["trained outputs"]


@pytest.mark.parametrize("layer", WEIGHTS)
@pytest.mark.parametrize("channel", [0, -1])
def test_a_weight_scale_that_is_off(network: bytes, expected: Expected, layer: str, channel: int) -> None:
    scale = expected["weights"][layer]["scale"]
    scale[channel] = float(np.nextafter(np.float32(scale[channel]), np.float32(1)))
    findings = failed(verify(network, expected=expected))
    assert list(findings) == ["trained weights"]
    (finding,) = findings["trained weights"]
    assert finding.layer == layer
    assert f"at channel {channel % len(scale)}, and training used {scale[channel]!r}" in finding.message


@pytest.mark.parametrize("layer", WEIGHTS)
@pytest.mark.parametrize("channel", [0, -1])
def test_a_bias_that_is_off_by_a_step(network: bytes, expected: Expected, layer: str, channel: int) -> None:
    step = expected["weights"][layer]["scale"][channel]  # more than the bias' own step: input scales are below 1
    expected["biases"][layer][channel] += step
    findings = failed(verify(network, expected=expected))
    assert list(findings) == ["trained biases"]
    (finding,) = findings["trained biases"]
    assert finding.layer == layer
    size = len(expected["biases"][layer])
    assert f"at channel {channel % size}, and training used {expected['biases'][layer][channel]:.6g}" in finding.message


def test_a_bias_within_half_a_step_is_right(network: bytes, expected: Expected) -> None:
    """conv1's input has the scale 2⁻⁷."""
    expected["biases"]["conv1"][0] += 0.49 * 2**-7 * expected["weights"]["conv1"]["scale"][0]
    assert verify(network, expected=expected).passed
    expected["biases"]["conv1"][0] += 0.02 * 2**-7 * expected["weights"]["conv1"]["scale"][0]
    assert not verify(network, expected=expected).passed


def test_another_number_of_biases(network: bytes, expected: Expected) -> None:
    expected["biases"]["conv1"].pop()
    (finding,) = failed(verify(network, expected=expected))["trained biases"]
    assert "and training used 3 values" in finding.message


def test_another_number_of_weight_scales(network: bytes, expected: Expected) -> None:
    expected["weights"]["conv1"] |= {"scale": [2**-6], "zero_point": [0]}
    (finding,) = failed(verify(network, expected=expected))["trained weights"]
    assert finding.message == "has weights with 4 scales, and training used 1"


@pytest.mark.parametrize("layer", WEIGHTS)
def test_other_codes_under_the_same_scales(network: bytes, expected: Expected, layer: str) -> None:
    expected["weights"][layer]["sha256"] = "0" * 64
    (finding,) = failed(verify(network, expected=expected))["trained weights"]
    assert finding.layer == layer
    assert "other codes" in finding.message


def test_codes_are_not_compared_where_they_were_not_recorded(network: bytes, expected: Expected) -> None:
    for entry in expected["weights"].values():
        del entry["sha256"]
    assert verify(network, expected=expected).passed


def test_a_trained_layer_that_is_not_in_the_file(network: bytes, expected: Expected) -> None:
    expected["outputs"]["pool9"] = expected["outputs"]["depth1"]
    expected["weights"]["conv9"] = expected["weights"]["conv1"]
    findings = failed(verify(network, expected=expected))
    assert list(findings) == ["trained outputs", "trained weights"]
    assert [finding.layer for finding in findings["trained outputs"]] == ["pool9"]
    assert [finding.layer for finding in findings["trained weights"]] == ["conv9"]
    assert "is not in the file" in findings["trained outputs"][0].message


def test_a_range_that_the_converter_filled_in(network: bytes, expected: Expected) -> None:
    del expected["outputs"]["logits"]
    findings = failed(verify(network, expected=expected, layers=["logits"]))
    assert list(findings) == ["nothing filled in"]
    (finding,) = findings["nothing filled in"]
    assert (finding.op, finding.layer) == ("FULLY_CONNECTED", "logits")


def test_what_the_specification_derives_need_not_be_trained(network: bytes, expected: Expected) -> None:
    """`flat` only moves values, and the parameters of `softmax` are fixed: neither was filled in by anybody."""
    del expected["outputs"]["softmax"]
    assert verify(network, expected=expected).passed


def test_weights_that_training_did_not_quantize(network: bytes, expected: Expected) -> None:
    del expected["weights"]["depth1"]
    (finding,) = failed(verify(network, expected=expected))["trained weights"]
    assert finding.op == "DEPTHWISE_CONV_2D"
    assert "did not quantize" in finding.message


def test_a_layer_whose_name_begins_like_another(network: bytes, expected: Expected) -> None:
    """`conv1` is no part of `conv1_1`: renamed in the file, it is missing, and nothing else is mistaken for it."""
    data = changed(network, rename("conv1/", "conv1_1/"))
    unknown, missing = failed(verify(data, expected=expected))["trained weights"]
    assert (unknown.layer, missing.layer) == ("conv1_1", "conv1")
    expected["weights"]["conv1_1"] = expected["weights"].pop("conv1")
    assert verify(data, expected=expected).passed


def test_a_layer_whose_name_has_scopes_of_its_own(network: bytes, expected: Expected) -> None:
    data = changed(network, rename("depth1", "block/depth1"))
    for kind in ("outputs", "weights"):
        expected[kind]["block/depth1"] = expected[kind].pop("depth1")
    assert verify(data, expected=expected).passed


def test_a_result_without_a_name_is_known_by_its_weights(network: bytes, expected: Expected) -> None:
    """The converter calls some results after nothing at all; a lone output with its own weights is still traced."""
    data = changed(network, rename("digits/depth1/depthwise1", "tfl.dequantize"))
    assert verify(data, expected=expected).passed
    expected["outputs"]["depth1"]["zero_point"] = [4]
    assert list(failed(verify(data, expected=expected))) == ["trained outputs"]


def test_rescaling_that_training_did_not_do() -> None:
    """pool → QUANTIZE → concat: the second tensor is called after the pool, but has not the pool's parameters."""
    graph = Builder()
    x = graph.tensor("digits/pool1/MaxPool", [1, 2], "INT8", scale=[0.5], zero_point=[0])
    y = graph.tensor("digits/pool1/MaxPool1", [1, 2], "INT8", scale=[0.25], zero_point=[0])
    graph.op("QUANTIZE", [x], [y])
    trained = {"scale": [0.5], "zero_point": [0], "num_bits": 8, "layer": "pool1"}
    (finding,) = failed(verify(graph.bytes([x], [y]), expected={"outputs": {"pool1": trained}}))["trained outputs"]
    assert (finding.op, finding.tensor, finding.layer) == ("QUANTIZE", "digits/pool1/MaxPool1", "pool1")


def test_with_float_ends_the_quantized_tensors_have_the_layers_names() -> None:
    graph = Builder()
    outer = graph.tensor("serving_default_pixels:0", [1, 2], "FLOAT32")
    inner = graph.tensor("tfl.quantize", [1, 2], "INT8", scale=[0.5], zero_point=[0])
    result = graph.tensor("StatefulPartitionedCall:01", [1, 2], "INT8", scale=[1 / 256], zero_point=[-128])
    out = graph.tensor("StatefulPartitionedCall:0", [1, 2], "FLOAT32")
    options = schema.SoftmaxOptionsT()
    options.beta = 1.0
    graph.op("QUANTIZE", [outer], [inner])
    graph.op("SOFTMAX", [inner], [result], options=options)
    graph.op("DEQUANTIZE", [result], [out])
    graph.signature({"pixels": outer}, {"softmax": out})
    data = graph.bytes([outer], [out])
    expected = {
        "outputs": {
            "pixels": {"scale": [0.5], "zero_point": [0], "num_bits": 8, "layer": "pixels"},
            "softmax": {"scale": [1 / 256], "zero_point": [-128], "num_bits": 8, "layer": "softmax"},
        }
    }
    assert verify(data, io="float32", expected=expected).findings == ()
    expected["outputs"]["pixels"]["zero_point"] = [1]
    assert list(failed(verify(data, io="float32", expected=expected))) == ["trained outputs"]


# ------------------------------------------------------------------------------- ends of other types, tables


def unsigned_ends(*, zero_point: int = 128 - 7, scale: float = 0.5) -> tuple[bytes, Expected]:
    """uint8 → int8 → softmax → int8 → uint8, as the converter writes it."""
    graph = Builder()
    outer = graph.tensor("serving_default_pixels:0", [1, 2], "UINT8", scale=[scale], zero_point=[zero_point])
    inner = graph.tensor("quantize_pixels/FakeQuant", [1, 2], "INT8", scale=[0.5], zero_point=[-7])
    result = graph.tensor("digits/softmax/Softmax", [1, 2], "INT8", scale=[1 / 256], zero_point=[-128])
    out = graph.tensor("StatefulPartitionedCall:0", [1, 2], "UINT8", scale=[1 / 256], zero_point=[0])
    options = schema.SoftmaxOptionsT()
    options.beta = 1.0
    graph.op("QUANTIZE", [outer], [inner])
    graph.op("SOFTMAX", [inner], [result], options=options)
    graph.op("QUANTIZE", [result], [out])
    graph.signature({"pixels": outer}, {"answer": out})
    records = {"pixels": (0.5, -7), "softmax": (1 / 256, -128)}
    outputs = {
        layer: {"scale": [scale], "zero_point": [zero], "num_bits": 8, "layer": layer}
        for layer, (scale, zero) in records.items()
    }
    return graph.bytes([outer], [out]), {"outputs": outputs}


def test_unsigned_ends_are_the_trained_codes_and_128() -> None:
    data, expected = unsigned_ends()
    assert verify(data, io="uint8", expected=expected).findings == ()
    expected["outputs"]["pixels"]["zero_point"] = [-6]
    assert list(failed(verify(data, io="uint8", expected=expected))) == ["trained outputs"]


@pytest.mark.parametrize("fault", [{"zero_point": 128 - 6}, {"zero_point": -7 & 255}, {"scale": 0.25}])
def test_an_unsigned_end_of_another_grid(fault: dict[str, Any]) -> None:
    data, expected = unsigned_ends(**fault)
    (finding,) = failed(verify(data, io="uint8", expected=expected))["trained outputs"]
    assert (finding.op, finding.op_index, finding.layer) == ("QUANTIZE", 0, "pixels")
    assert "unsigned codes are the signed ones and 128" in finding.message


def embedding(*, scale: float = 0.5, changed_code: bool = False) -> tuple[bytes, Expected]:
    graph = Builder()
    table = np.arange(12, dtype=np.int8).reshape(4, 3)
    codes = {"scale": [scale], "zero_point": [2]}
    held = table.copy()
    held[2, 1] += changed_code
    tokens = graph.tensor("serving_default_tokens:0", [1, 5], "INT32")
    rows = graph.tensor("net/embedding/embedding_lookup", [4, 3], "INT8", **codes, data=held)
    result = graph.tensor("net/embedding/embedding_lookup1", [1, 5, 3], "INT8", **codes)
    graph.op("GATHER", [rows, tokens], [result], options=schema.GatherOptionsT(), version=2)
    graph.signature({"tokens": tokens}, {"embedding": result})
    record = {"scale": [0.5], "zero_point": [2], "num_bits": 8, "layer": "embedding"}
    expected = {
        "outputs": {"embedding": record},
        "tables": {"embedding": {**record, "sha256": sha256(table.tobytes())}},
    }
    return graph.bytes([tokens], [result]), expected


def test_a_table_is_compared_by_its_codes() -> None:
    data, expected = embedding()
    assert verify(data, expected=expected).findings == ()
    data, expected = embedding(changed_code=True)
    findings = failed(verify(data, expected=expected))
    assert list(findings) == ["trained tables"]
    (finding,) = findings["trained tables"]
    assert (finding.op, finding.layer) == ("GATHER", "embedding")
    assert "with other codes than training used" in finding.message
    data, expected = embedding(scale=0.25)
    assert list(failed(verify(data, expected=expected))) == ["trained outputs", "trained tables"]


def test_a_table_that_is_not_in_the_file(network: bytes, expected: Expected) -> None:
    expected["tables"] = {"words": {**expected["weights"]["conv1"], "layer": "words"}}
    (finding,) = failed(verify(network, expected=expected))["trained tables"]
    assert finding.message.startswith("the table of layer 'words'")
