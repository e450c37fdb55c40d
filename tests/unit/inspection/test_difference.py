"""Each change of a file is named once, and nothing else."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from qat_kit.errors import ModelFileError
from qat_kit.inspection import Difference, compare_files
from qat_kit.litert.describing import described
from qat_kit.litert.description import AssociatedFile, Description, TensorDescription
from qat_kit.litert.rewriting import attach
from tests.support.tflite import changed, int8_network, shared_file


def lines(change: Any) -> list[str]:
    network = int8_network()
    return [each.line for each in compare_files(network, changed(network, change)).changes]


def _scale(model: schema.ModelT) -> None:
    model.subgraphs[0].tensors[12].quantization.scale = [2**-7]


def _weights(model: schema.ModelT) -> None:
    buffer = model.buffers[model.subgraphs[0].tensors[1].buffer]
    buffer.data = np.array(buffer.data)
    buffer.data[3] ^= 0x80


def _activation(model: schema.ModelT) -> None:
    model.subgraphs[0].operators[0].builtinOptions.fusedActivationFunction = 0


def _version(model: schema.ModelT) -> None:
    model.operatorCodes[3].version = 5


def _removed(model: schema.ModelT) -> None:
    del model.subgraphs[0].operators[4]


def _no_bias(model: schema.ModelT) -> None:
    model.subgraphs[0].operators[0].inputs = [*model.subgraphs[0].operators[0].inputs[:2], -1]


def _names(model: schema.ModelT) -> None:
    for tensor in model.subgraphs[0].tensors:
        tensor.name = b"x"


def _signature(model: schema.ModelT) -> None:
    model.signatureDefs[0].outputs[0].name = b"scores"


def _described(model: schema.ModelT) -> None:
    model.description = b"another"


def _attached(model: schema.ModelT) -> None:
    attach(model, "min_runtime_version", b"1.14.0\0\0")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (_scale, ["4 SOFTMAX: scale of output 0: [0.00390625] → [0.0078125]"]),
        (_weights, ["0 CONV_2D: values of input 1: 1 of 72 differ, by 128 steps at most"]),
        (_activation, ["0 CONV_2D: activation: RELU → NONE"]),
        (_version, ["3 FULLY_CONNECTED: version: 4 → 5"]),
        (_removed, ["4 SOFTMAX: operator removed"]),
        (_no_bias, ["0 CONV_2D: input 2: given → left out"]),
        (_names, []),
        (_signature, ["signature: outputs of serving_default: [softmax] → [scores]"]),
        (_described, ["file: description: made for a test → another"]),
        (_attached, ["attachment: min_runtime_version: none → 1.14.0"]),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_one_change_is_one_line(change: Any, expected: list[str]) -> None:
    assert lines(change) == expected


def test_float_and_int8_of_one_model_are_paired(tmp_path: Any) -> None:
    names = ("conv_fc_mnist", "conv_fc_mnist_srq_a8w8")
    difference = compare_files(*(shared_file(f"ai-edge-quantizer__{name}.tflite") for name in names))
    assert difference.num_operators == (6, 6)
    assert not [change for change in difference.changes if change.what.startswith("operator ")]
    assert "type of input 1" in {change.what for change in difference.changes}
    assert Difference.load(difference.save(tmp_path / "difference.json")) == difference


def test_a_file_is_itself_and_a_damaged_one_is_refused() -> None:
    same = compare_files(int8_network(), int8_network())
    assert (same.identical, same.changes) == (True, ())
    with pytest.raises(ModelFileError, match="cut off or damaged"):
        compare_files(int8_network(), int8_network()[:-500])


def _told(name: str, mean: float, labels: bytes) -> bytes:
    label_file = AssociatedFile(name="labels.txt", kind="axis_labels")
    told = Description(
        name=name,
        inputs=(TensorDescription(name="pixels", content="image", mean=(mean,), std=(127.5,)),),
        outputs=(TensorDescription(name="softmax", files=(label_file,)),),
    )
    return described(int8_network(), told, {"labels.txt": labels})


def test_metadata_is_compared_field_by_field_and_so_are_labels() -> None:
    """An app that takes the other file feeds other pixels, and calls the answers otherwise: no operator shows it."""
    difference = compare_files(_told("net", 127.5, b"a\nb\nc\n"), _told("net", 0.0, b"a\nc\nb\n"))
    before, after = (f"6 bytes, CRC {zlib.crc32(labels):08x}" for labels in (b"a\nb\nc\n", b"a\nc\nb\n"))
    assert [each.line for each in difference.changes] == [
        "metadata: input 0 mean: [127.5] → [0]",
        f"archive: labels.txt: {before} → {after}",
    ]
    added = compare_files(int8_network(), _told("net", 0.0, b"a\nb\nc\n"))
    lines = {each.line for each in added.changes}
    assert {"metadata: name: none → net", "metadata: output 0 file 0 name: none → labels.txt"} <= lines
    assert {each.where for each in added.changes} == {"metadata", "archive"}


def test_metadata_that_cannot_be_read_is_a_difference_and_no_error() -> None:
    def broken(model: schema.ModelT) -> None:
        attach(model, "TFLITE_METADATA", b"nothing of the kind")

    (change,) = compare_files(int8_network(), changed(int8_network(), broken)).changes
    assert (change.where, change.what, change.before) == ("metadata", "content", None)
    assert "must have b'M001'" in str(change.after)
    # An archive's directory that is cut off or says nonsense is none.
    whole = _told("net", 0.0, b"a\nb\nc\n")
    for place in (-3, -10, -20, -30):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        assert {each.where for each in compare_files(whole, bytes(damaged)).changes} <= {"archive"}
