"""A file is read as it is, or refused with words; never an IndexError or a struct.error."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from qat_kit.errors import ModelFileError
from qat_kit.litert.interpreter import Interpreter
from qat_kit.litert.model_file import ModelFile, read_model
from qat_kit.litert.records import unpack_bits
from tests.support.tflite import SHARED, Builder, changed, fully_connected, int8_network, shared_file, shared_files


@pytest.fixture(scope="module")
def network() -> bytes:
    return int8_network()


def decode_everything(model: ModelFile) -> None:
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            _ = tensor.data


def test_what_was_written_is_what_is_read(network: bytes) -> None:
    model = read_model(network)
    assert (model.version, model.description) == (3, "made for a test")
    assert (model.size_bytes, model.sha256) == (len(network), hashlib.sha256(network).hexdigest())
    (graph,) = model.subgraphs
    assert [operator.op for operator in graph.operators] == [
        "CONV_2D",
        "DEPTHWISE_CONV_2D",
        "RESHAPE",
        "FULLY_CONNECTED",
        "SOFTMAX",
    ]
    conv = graph.operators[0]
    assert (conv.version, conv.fused_activation, conv.options["padding"], conv.options["stride_w"]) == (
        3,
        "RELU",
        "SAME",
        1,
    )
    kernel = graph.input_of(conv, 1)
    assert kernel is not None
    assert (kernel.name, kernel.type, kernel.shape) == ("digits/conv1/Conv2D", "INT8", (4, 3, 3, 2))
    assert kernel.scale.dtype == np.float32
    assert kernel.scale.tolist() == [2**-6, 2**-7, 2**-6, 2**-7]
    assert kernel.zero_point.dtype == np.int64
    assert kernel.data is not None
    assert (kernel.data.dtype, kernel.data.shape, kernel.num_constant_bytes) == (np.int8, (4, 3, 3, 2), 72)
    depthwise = graph.input_of(graph.operators[1], 1)
    assert depthwise is not None
    assert depthwise.quantized_dimension == 3
    assert graph.tensors[graph.inputs[0]].data is None
    (signature,) = model.signatures
    assert (signature.key, list(signature.inputs), list(signature.outputs)) == (
        "serving_default",
        ["pixels"],
        ["softmax"],
    )


def test_constants_cannot_be_written_to(network: bytes) -> None:
    kernel = read_model(network).subgraphs[0].tensors[1]
    assert kernel.data is not None
    with pytest.raises(ValueError, match="read-only"):
        kernel.data[...] = 0


def test_path_and_bytes_are_the_same(network: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(network)
    assert read_model(path).sha256 == read_model(network).sha256


def test_an_operand_that_is_left_out() -> None:
    graph = read_model(fully_connected("INT8", [[1, 2]], np.array([1, 2], np.int8), [1.0])).subgraphs[0]
    assert graph.operators[0].inputs[2] == -1
    assert graph.input_of(graph.operators[0], 2) is None
    assert graph.input_of(graph.operators[0], 7) is None


@pytest.mark.parametrize(
    ("kind", "weights", "packed"),
    [
        ("INT4", [[-8, 7, 1, -1]], [0x78, 0xF1]),
        ("INT2", [[-2, 1, 0, -1]], [0b11_00_01_10]),
    ],
)
def test_packed_weights_are_read_as_litert_reads_them(kind: str, weights: list[list[int]], packed: list[int]) -> None:
    data = fully_connected(kind, weights, np.array(packed, np.uint8), [1.0])
    tensor = read_model(data).subgraphs[0].tensors[1]
    assert tensor.data is not None
    assert tensor.data.tolist() == weights
    x = np.array([[3, 5, 7, 11]], np.int8)
    answer = Interpreter(data, kernel_set="reference").run(x)
    assert answer.tolist() == (x.astype(int) @ np.array(weights).T).tolist()


def test_an_odd_number_of_packed_values_drops_the_padding() -> None:
    tensor = (
        read_model(fully_connected("INT4", [[1, 2, 3]], np.array([0x21, 0x03], np.uint8), [1.0]))
        .subgraphs[0]
        .tensors[1]
    )
    assert tensor.data is not None
    assert tensor.data.tolist() == [[1, 2, 3]]


def test_unsigned_packed_values() -> None:
    assert unpack_bits(np.array([0xF1], np.uint8), 4, signed=False).tolist() == [1, 15]


def test_a_buffer_behind_the_flatbuffer(network: bytes) -> None:
    values = np.arange(-36, 36, dtype=np.int8)

    def move_out(model: schema.ModelT) -> None:
        buffer = model.buffers[model.subgraphs[0].tensors[1].buffer]
        buffer.data, buffer.offset, buffer.size = None, 1 << 40, values.size

    moved = changed(network, move_out)
    with pytest.raises(ModelFileError, match=r"external data of buffers\[1\].* needs 72 bytes"):
        read_model(moved)
    whole = moved.replace(struct.pack("<Q", 1 << 40), struct.pack("<Q", len(moved))) + values.tobytes()
    data = read_model(whole).subgraphs[0].tensors[1].data
    assert data is not None
    assert data.reshape(-1).tolist() == values.tolist()


def test_a_custom_op_has_its_own_name() -> None:
    graph = Builder()
    x = graph.tensor("x", [1], "INT8", scale=[1.0], zero_point=[0])
    graph.op("MyOp", [x], [x], custom=True)
    operator = read_model(graph.bytes([x], [x])).subgraphs[0].operators[0]
    assert (operator.op, operator.is_custom) == ("MyOp", True)


def test_options_are_plain_values_whatever_their_bytes() -> None:
    """A name that is no UTF-8, and a table within the options, as JSON takes them."""
    graph = Builder()
    handle = graph.tensor("handle", [1], "INT32")
    options = schema.VarHandleOptionsT()
    options.container, options.sharedName = "box", b"\xff\xfe"
    graph.op("VAR_HANDLE", [], [handle], options=options)
    operator = read_model(graph.bytes([], [handle])).subgraphs[0].operators[0]
    assert operator.options == {"container": "box", "shared_name": "\\xff\\xfe"}
    assert operator.fused_activation == "NONE"


def test_values_without_a_fixed_width_come_as_bytes() -> None:
    graph = Builder()
    text = graph.tensor("text", [1], "STRING", data=np.frombuffer(b"\1\0\0\0 and so on", np.uint8))
    data = read_model(graph.bytes([], [text])).subgraphs[0].tensors[0].data
    assert data is not None
    assert data.tobytes() == b"\1\0\0\0 and so on"


def test_sparse_values_come_flat_and_whole() -> None:
    graph = Builder()
    index = graph.tensor("w", [4, 4], "INT16", data=np.array([3, -1], np.int16))
    graph.graph.tensors[index].sparsity = schema.SparsityParametersT()
    tensor = read_model(graph.bytes([], [index])).subgraphs[0].tensors[0]
    assert tensor.data is not None
    assert (tensor.is_sparse, tensor.data.tolist()) == (True, [3, -1])
    graph.model.buffers[1].data = np.zeros(3, np.uint8)
    with pytest.raises(ModelFileError, match="3 bytes, which are no whole INT16"):
        read_model(graph.bytes([], [index]))


def test_one_zero_point_for_many_scales(network: bytes) -> None:
    def shorten(model: schema.ModelT) -> None:
        model.subgraphs[0].tensors[1].quantization.zeroPoint = [0]

    assert read_model(changed(network, shorten)).subgraphs[0].tensors[1].zero_point.tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"abc", r"not a \.tflite file.*has 3 bytes"),
        (b"\x89PNG\r\n\x1a\n" + bytes(64), r"found b'\\r\\n\\x1a\\n'"),
        (b"\x10\x00\x00\x00TFL3", "cut off or damaged"),
        (b"\xff\xff\xff\xffTFL3" + bytes(64), "cut off or damaged"),
        (bytes(4) + b"TFL3" + bytes(64), "cut off or damaged"),
    ],
    ids=["empty", "short", "png", "header", "offset", "zeros"],
)
def test_what_is_no_model_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=message):
        read_model(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="No such file"):
        read_model(tmp_path / "none.tflite")
    with pytest.raises(ModelFileError, match="Is a directory"):
        read_model(tmp_path)


def set_operand(model: schema.ModelT) -> None:
    model.subgraphs[0].operators[0].inputs = [0, 99, 2]


def set_output(model: schema.ModelT) -> None:
    model.subgraphs[0].outputs = [-1]


def set_buffer(model: schema.ModelT) -> None:
    model.subgraphs[0].tensors[1].buffer = 1000


def set_operator_code(model: schema.ModelT) -> None:
    model.subgraphs[0].operators[0].opcodeIndex = 77


def set_shape(model: schema.ModelT) -> None:
    model.subgraphs[0].tensors[1].shape = [4, 3, 3, 3]


def set_negative_shape(model: schema.ModelT) -> None:
    model.subgraphs[0].tensors[0].shape = [1, -4, 4, 2]


def set_zero_points(model: schema.ModelT) -> None:
    model.subgraphs[0].tensors[1].quantization.zeroPoint = [0, 0]


def set_type(model: schema.ModelT) -> None:
    model.subgraphs[0].tensors[0].type = 120


def set_unknown_op(model: schema.ModelT) -> None:
    model.operatorCodes[0].builtinCode = 30_000


def set_signature(model: schema.ModelT) -> None:
    model.signatureDefs[0].inputs[0].tensorIndex = 400


def set_no_graph(model: schema.ModelT) -> None:
    model.subgraphs, model.signatureDefs = [], []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_operand, r"operators\[0\].inputs names tensor 99, and there are 13"),
        (set_output, r"outputs names tensor -1"),
        (set_buffer, r"tensors\[1\] names buffer 1000"),
        (set_operator_code, r"names operator code 77, and there are 5"),
        (set_shape, r"needs 108 bytes of data, found 72"),
        (set_negative_shape, r"shape \[1, -4, 4, 2\]"),
        (set_zero_points, r"has 4 scales and 2 zero points"),
        (set_type, r"has the type 120"),
        (set_unknown_op, r"builtin op 30000"),
        (set_signature, r"names tensor 400"),
        (set_no_graph, r"holds no graph"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_file_that_contradicts_itself_is_refused(network: bytes, change: object, message: str) -> None:
    with pytest.raises(ModelFileError, match=message):
        read_model(changed(network, change))  # type: ignore[arg-type]


def test_cut_off_at_every_byte_it_is_refused_or_whole(network: bytes) -> None:
    """Only padding at the very end may be missing without a loss."""
    refused = 0
    for length in range(len(network)):
        try:
            model = read_model(network[:length])
            decode_everything(model)
        except ModelFileError:
            refused += 1
        else:
            assert length >= len(network) - 8, f"a file of {length} of {len(network)} bytes was taken"
    assert refused >= len(network) - 8


@pytest.mark.skipif(not shared_files(), reason=f"no real files in {SHARED}: set QAT_KIT_SHARED to a folder of them")
def test_every_real_file_is_read_as_its_list_says() -> None:
    expected = json.loads((SHARED / "MANIFEST.json").read_text(encoding="utf-8"))
    assert len(shared_files()) == len(expected)
    for path in shared_files():
        model, facts = read_model(path), expected[path.name]
        decode_everything(model)
        main = model.subgraphs[0]
        assert model.sha256 == facts["sha256"]
        assert len(model.subgraphs) == facts["subgraphs"]
        assert sum(len(graph.tensors) for graph in model.subgraphs) == facts["tensors"]
        assert sum(len(graph.operators) for graph in model.subgraphs) == facts["operators"]
        assert (
            sum(tensor.is_constant for graph in model.subgraphs for tensor in graph.tensors) == facts["const_tensors"]
        )
        assert [[main.tensors[index].type, list(main.tensors[index].shape)] for index in main.inputs] == facts["inputs"]
        assert [[main.tensors[index].type, list(main.tensors[index].shape)] for index in main.outputs] == facts[
            "outputs"
        ]
        assert [signature.key for signature in model.signatures] == facts["signatures"]
        assert list(model.metadata) == facts["metadata"]


@pytest.mark.parametrize("name", ["tflite-micro__micro_speech_quantized.tflite", "tinyengine__vww.tflite"])
def test_a_real_file_cut_off_anywhere_is_refused(name: str) -> None:
    data = shared_file(name).read_bytes()
    for length in np.linspace(0, len(data) - 16, 200, dtype=int):
        with pytest.raises(ModelFileError):
            read_model(data[:length])
