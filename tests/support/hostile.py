"""Files that are made to harm whoever reads or runs them."""

from __future__ import annotations

import struct
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tests.support.tflite import Builder, parse, serialize


def without_bias() -> bytes:
    """A depthwise convolution of two operands, at which LiteRT's optimised kernels read a bias that is not there."""
    graph = Builder()
    x = graph.tensor("x", [1, 4, 4, 8], "INT8", scale=[1.0], zero_point=[0])
    codes = np.ones((1, 3, 3, 8), np.int8)
    w = graph.tensor("w", [1, 3, 3, 8], "INT8", scale=[1.0] * 8, zero_point=[0] * 8, axis=3, data=codes)
    y = graph.tensor("y", [1, 4, 4, 8], "INT8", scale=[8.0], zero_point=[0])
    options = schema.DepthwiseConv2DOptionsT()
    options.strideW = options.strideH = options.dilationWFactor = options.dilationHFactor = options.depthMultiplier = 1
    graph.op("DEPTHWISE_CONV_2D", [x, w], [y], options=options, version=3)
    return graph.bytes([x], [y])


def with_subgraphs(op: str, options: Any, *bodies: Builder) -> bytes:
    """One operator over an int32 number, beside subgraphs that it may call; the first of them is number 1."""
    graph = Builder()
    x, y = (graph.tensor(name, [1], "INT32") for name in "xy")
    graph.op(op, [x], [y], options=options)
    model = parse(graph.bytes([x], [y]))
    for body in bodies:
        for tensor in body.graph.tensors:
            if tensor.buffer:
                tensor.buffer += len(model.buffers) - 1
        for operator in body.graph.operators:
            operator.opcodeIndex += len(model.operatorCodes)
        model.buffers += body.model.buffers[1:]
        model.operatorCodes += body.model.operatorCodes
        model.subgraphs.append(body.graph)
    return serialize(model)


def _passing_on(*, condition: bool) -> Builder:
    """A subgraph from a number to itself, or to the constant true."""
    body = Builder()
    number = body.tensor("number", [1], "INT32")
    answer = body.tensor("true", [1], "BOOL", data=np.array([1], np.uint8)) if condition else number
    body.bytes([number], [answer])
    return body


def endless_loop() -> bytes:
    """A WHILE whose condition is always true."""
    options = schema.WhileOptionsT()
    options.condSubgraphIndex, options.bodySubgraphIndex = 1, 2
    return with_subgraphs("WHILE", options, _passing_on(condition=True), _passing_on(condition=False))


def calling(*targets: int) -> bytes:
    """Subgraph i calls subgraph targets[i]; the last is called by the others or by none."""
    bodies = []
    for target in targets[1:]:
        body = Builder()
        number, answer = (body.tensor(name, [1], "INT32") for name in ("number", "answer"))
        body.op("CALL", [number], [answer], options=_call(target))
        body.bytes([number], [answer])
        bodies.append(body)
    return with_subgraphs("CALL", _call(targets[0]), *bodies, _passing_on(condition=False))


def _call(target: int) -> schema.CallOptionsT:
    options = schema.CallOptionsT()
    options.subgraph = target
    return options


def greedy() -> bytes:
    """A TILE whose result takes 4 GiB."""
    graph = Builder()
    x = graph.tensor("x", [1, 64], "FLOAT32")
    times = graph.tensor("times", [2], "INT32", data=np.array([1 << 24, 1], np.int32))
    y = graph.tensor("y", [1 << 24, 64], "FLOAT32")
    graph.op("TILE", [x, times], [y], options=schema.TileOptionsT())
    return graph.bytes([x], [y])


def one_tensor_many_times(count: int, *, name: str = "", shape: tuple[int, ...] = (), scales: int = 0) -> bytes:
    """A subgraph of `count` tensors that are one and the same."""
    builder = flatbuffers.Builder(1024)
    text = builder.CreateString(name)
    lengths = builder.CreateNumpyVector(np.array(shape, np.int32))
    values = builder.CreateNumpyVector(np.ones(scales, np.float32))
    schema.QuantizationParametersStart(builder)
    schema.QuantizationParametersAddScale(builder, values)
    quantization = schema.QuantizationParametersEnd(builder)
    schema.TensorStart(builder)
    schema.TensorAddName(builder, text)
    schema.TensorAddShape(builder, lengths)
    schema.TensorAddQuantization(builder, quantization)
    tensor = schema.TensorEnd(builder)
    return _of_tensors(builder, _offsets(builder, [tensor] * count))


def one_list_of_operators_many_times(graphs: int, operators: int, entries: int) -> bytes:
    """Subgraphs that share one list of operators, which share the options of a RESHAPE to `entries` dimensions."""
    builder = flatbuffers.Builder(1024)
    shape = builder.CreateNumpyVector(np.ones(entries, np.int32))
    schema.ReshapeOptionsStart(builder)
    schema.ReshapeOptionsAddNewShape(builder, shape)
    options = schema.ReshapeOptionsEnd(builder)
    schema.OperatorStart(builder)
    schema.OperatorAddBuiltinOptionsType(builder, schema.BuiltinOptions.ReshapeOptions)
    schema.OperatorAddBuiltinOptions(builder, options)
    steps = _offsets(builder, [schema.OperatorEnd(builder)] * operators)
    schema.SubGraphStart(builder)
    schema.SubGraphAddOperators(builder, steps)
    subgraphs = _offsets(builder, [schema.SubGraphEnd(builder)] * graphs)
    schema.OperatorCodeStart(builder)
    schema.OperatorCodeAddBuiltinCode(builder, schema.BuiltinOperator.RESHAPE)
    codes = _offsets(builder, [schema.OperatorCodeEnd(builder)])
    return _model(builder, subgraphs, codes)


def wide_tables(count: int) -> bytes:
    """Tables that share the longest list of fields that there can be: 32,765 fields for four bytes each."""
    data = bytearray(one_tensor_many_times(count))
    # The tensor's table is where all offsets of the vector lead to; its new list of fields stands at the end.
    vector = data.index(struct.pack("<I", count))
    table = vector + 4 + struct.unpack_from("<I", data, vector + 4)[0]
    data += bytes(-len(data) % 4)
    struct.pack_into("<i", data, table, table - len(data))
    return bytes(data) + struct.pack("<HH", 0xFFFE, 4) + bytes(0xFFFE - 4)


def one_buffer_in_many(count: int, size: int) -> bytes:
    """Buffers that are one and the same, each the value of a tensor of its own."""
    builder = flatbuffers.Builder(1024)
    values = builder.CreateNumpyVector(np.ones(size, np.uint8))
    schema.BufferStart(builder)
    schema.BufferAddData(builder, values)
    buffers = _offsets(builder, [schema.BufferEnd(builder)] * count)
    schema.SubGraphStart(builder)
    return _model(builder, _offsets(builder, [schema.SubGraphEnd(builder)]), None, buffers)


def _offsets(builder: flatbuffers.Builder, tables: list[int]) -> int:
    builder.StartVector(4, len(tables), 4)
    for table in reversed(tables):
        builder.PrependUOffsetTRelative(table)
    return int(builder.EndVector())


def _of_tensors(builder: flatbuffers.Builder, tensors: int) -> bytes:
    schema.SubGraphStart(builder)
    schema.SubGraphAddTensors(builder, tensors)
    return _model(builder, _offsets(builder, [schema.SubGraphEnd(builder)]))


def _model(builder: flatbuffers.Builder, subgraphs: int, codes: int | None = None, buffers: int | None = None) -> bytes:
    schema.ModelStart(builder)
    schema.ModelAddSubgraphs(builder, subgraphs)
    if codes is not None:
        schema.ModelAddOperatorCodes(builder, codes)
    if buffers is not None:
        schema.ModelAddBuffers(builder, buffers)
    builder.Finish(schema.ModelEnd(builder), b"TFL3")
    return bytes(builder.Output())
