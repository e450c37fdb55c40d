"""Ops that answer with integers or booleans, and ops on plain integers, against LiteRT."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.parity.kernels.test_binary import shapes
from tests.support.kernels import assert_bit_equal, random_codes
from tests.support.tflite import Builder

KERNEL_SETS = ["reference", "builtin", "xnnpack"]


def few_codes(random, dtype, shape):
    """Codes of which many are equal."""
    return np.where(random.random(shape) < 0.5, random.integers(-3, 4, shape), random_codes(random, dtype, shape))


@pytest.mark.parametrize("kernel_set", KERNEL_SETS)
@pytest.mark.parametrize("op", ["ARG_MAX", "ARG_MIN"])
def test_the_first_of_equal_codes_is_found(op, kernel_set):
    def make(random):
        shape = [int(length) for length in random.integers(1, 20, 4)]
        axis, kind = int(random.integers(-4, 4)), str(random.choice(["INT32", "INT64"]))
        graph = Builder()
        x = graph.tensor("x", shape, "INT8", scale=[0.1], zero_point=[3])
        along = graph.tensor("axis", [], "INT32", data=np.array(axis, np.int32))
        result = shape[: axis % 4] + shape[axis % 4 + 1 :]
        y = graph.tensor("y", result, kind)
        options = getattr(schema, f"{'ArgMax' if op == 'ARG_MAX' else 'ArgMin'}OptionsT")()
        options.outputType = getattr(schema.TensorType, kind)
        graph.op(op, [x, along], [y], options=options, version=2)
        return graph.bytes([x], [y]), f"{shape} {axis}", [few_codes(random, np.int8, shape).astype(np.int8)]

    assert_bit_equal(make, kernel_set)


OPTIONS = {
    "EQUAL": schema.EqualOptionsT,
    "NOT_EQUAL": schema.NotEqualOptionsT,
    "GREATER": schema.GreaterOptionsT,
    "GREATER_EQUAL": schema.GreaterEqualOptionsT,
    "LESS": schema.LessOptionsT,
    "LESS_EQUAL": schema.LessEqualOptionsT,
}


@pytest.mark.parametrize("kernel_set", KERNEL_SETS)
@pytest.mark.parametrize("kind", ["INT8", "INT16"])
@pytest.mark.parametrize("op", OPTIONS)
def test_comparisons_are_bit_equal(op, kind, kernel_set):
    def make(random):
        operands = shapes(random)
        scales = 2.0 ** random.uniform(-8, 0, 2)
        scales = scales if random.random() < 0.5 else np.full(2, scales[0])
        zeros = [0, 0] if kind == "INT16" else [int(zero) for zero in random.integers(-10, 10, 2)]
        graph = Builder()
        a, b = (
            graph.tensor(name, shape, kind, scale=[scale], zero_point=[zero])
            for name, shape, scale, zero in zip("ab", operands, scales, zeros, strict=True)
        )
        y = graph.tensor("y", np.broadcast_shapes(*map(tuple, operands)), "BOOL")
        graph.op(op, [a, b], [y], options=OPTIONS[op](), version=2)
        codes = [few_codes(random, kind.lower(), shape).astype(kind.lower()) for shape in operands]
        return graph.bytes([a, b], [y]), f"{operands} {scales} {zeros}", codes

    assert_bit_equal(make, kernel_set)


@pytest.mark.parametrize("kernel_set", KERNEL_SETS)
def test_casts_are_bit_equal(kernel_set):
    kinds = ["BOOL", "INT8", "UINT8", "INT16", "INT32", "INT64"]

    def make(random):
        source, target = str(random.choice(kinds)), str(random.choice([*kinds, "FLOAT32"]))
        shape = [int(length) for length in random.integers(1, 20, 3)]
        graph = Builder()
        x, y = graph.tensor("x", shape, source), graph.tensor("y", shape, target)
        options = schema.CastOptionsT()
        options.inDataType, options.outDataType = (getattr(schema.TensorType, kind) for kind in (source, target))
        graph.op("CAST", [x], [y], options=options, version=3)
        codes = random.integers(0, 2, shape) if source == "BOOL" else random_codes(random, source.lower(), shape)
        return graph.bytes([x], [y]), f"{source} to {target}", [codes.astype(source.lower())]

    assert_bit_equal(make, kernel_set, num_files=120)


@pytest.mark.parametrize("kernel_set", KERNEL_SETS)
@pytest.mark.parametrize("op", ["CUMSUM", "NEG"])
def test_plain_integers_are_bit_equal(op, kernel_set):
    def make(random):
        shape, kind = [int(length) for length in random.integers(1, 20, 3)], str(random.choice(["INT32", "INT64"]))
        graph = Builder()
        x, y = graph.tensor("x", shape, kind), graph.tensor("y", shape, kind)
        operands, options = [x], None
        if op == "CUMSUM":
            axis = np.array(int(random.integers(-3, 3)), np.int32)
            operands.append(graph.tensor("axis", [], "INT32", data=axis))
            options = schema.CumsumOptionsT()
            options.exclusive, options.reverse = (bool(random.random() < 0.5) for _ in range(2))
        graph.op(op, operands, [y], options=options)
        return graph.bytes([x], [y]), f"{shape} {kind} {vars(options) if options else ''}"

    assert_bit_equal(make, kernel_set)
