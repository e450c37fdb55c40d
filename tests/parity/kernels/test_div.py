"""DIV against LiteRT, also where its quotients are wrong."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from qat_kit.errors import ModelFileError, NotSimulatedError
from qat_kit.kernels import simulate
from qat_kit.litert.interpreter import Interpreter
from qat_kit.litert.model_file import read_model
from tests.parity.kernels.test_binary import shapes
from tests.support.kernels import ACTIVATIONS, assert_bit_equal, random_codes
from tests.support.tflite import Builder

KERNEL_SETS = ["reference", "builtin", "xnnpack"]


def division(first, second, scales, zeros, kind="INT8", activation="NONE"):
    graph = Builder()
    a, b, y = (
        graph.tensor(name, shape, kind, scale=[scale], zero_point=[zero])
        for name, shape, scale, zero in zip(
            "aby", (first, second, np.broadcast_shapes(tuple(first), tuple(second))), scales, zeros, strict=True
        )
    )
    options = schema.DivOptionsT()
    options.fusedActivationFunction = getattr(schema.ActivationFunctionType, activation)
    graph.op("DIV", [a, b], [y], options=options, version=2)
    return graph.bytes([a, b], [y])


@pytest.mark.parametrize("kernel_set", KERNEL_SETS)
@pytest.mark.parametrize("kind", ["INT8", "INT16"])
def test_it_is_bit_equal(kind, kernel_set):
    def make(random):
        operands = shapes(random)
        scales = [*2.0 ** random.uniform(-8, 0, 2), 0.0]
        # From what has fewer bits than any code, where shifts go beyond 31, to the fineness that a code can have.
        scales[2] = scales[0] / scales[1] * 2.0 ** random.uniform(-15 if kind == "INT16" else -7, 4)
        zeros = [0, 0, 0] if kind == "INT16" else [int(zero) for zero in random.integers(-128, 128, 3)]
        codes = [random_codes(random, kind.lower(), shape) for shape in operands]
        codes[1] = np.where(codes[1] == zeros[1], codes[1] ^ 1, codes[1]).astype(kind.lower())
        activation = str(random.choice(ACTIVATIONS))
        data = division(*operands, scales, zeros, kind, activation)
        return data, f"{operands} {scales} {zeros} {activation}", codes

    assert_bit_equal(make, kernel_set, num_files=60)


@pytest.mark.parametrize("kernel_set", KERNEL_SETS)
def test_litert_gives_wrong_quotients_where_it_shifts_by_more_than_31_bits(kernel_set):
    """If this fails, a later LiteRT has mended it, and `div` must follow."""
    data = division([4], [4], [0.01, 0.01, 0.5], [0, 0, 0])
    answers = Interpreter(data, kernel_set=kernel_set).run(
        {"a": np.array([0, 1, 2, -1], np.int8), "b": np.full(4, 100, np.int8)}
    )["y"]
    # Each is 0 to the nearest code.
    assert answers.tolist() == [1, 127, 127, -128]


def test_a_division_by_zero_is_refused():
    data, codes = division([2], [2], [0.1, 0.1, 0.1], [0, 5, 0]), [np.array([1, 2], np.int8), np.array([4, 5], np.int8)]
    with pytest.raises(NotSimulatedError, match="division by 0"):
        simulate(read_model(data).subgraphs[0], dict(enumerate(codes)), "builtin")
    with pytest.raises(ModelFileError):
        Interpreter(data, kernel_set="builtin").run(dict(zip("ab", codes, strict=True)))
