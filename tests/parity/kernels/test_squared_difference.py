"""SQUARED_DIFFERENCE against LiteRT."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from qat_kit.errors import NotSimulatedError
from qat_kit.kernels import simulate
from qat_kit.litert.model_file import read_model
from tests.parity.kernels.test_binary import shapes
from tests.support.kernels import assert_bit_equal
from tests.support.tflite import Builder


def squared_difference(first, second, scales, zeros):
    graph = Builder()
    a, b, y = (
        graph.tensor(name, shape, "INT8", scale=[scale], zero_point=[zero])
        for name, shape, scale, zero in zip(
            "aby", (first, second, np.broadcast_shapes(tuple(first), tuple(second))), scales, zeros, strict=True
        )
    )
    graph.op("SQUARED_DIFFERENCE", [a, b], [y], options=schema.SquaredDifferenceOptionsT(), version=2)
    return graph.bytes([a, b], [y])


@pytest.mark.parametrize("kernel_set", ["reference", "builtin", "xnnpack"])
def test_it_is_bit_equal(kernel_set):
    def make(random):
        near = 2.0 ** random.uniform(-8, -2, 2)
        result = (255 * near.max()) ** 2 / 255 * 2.0 ** random.uniform(-6, 3)
        scales = np.array([*near, max(result, (2 * near.max()) ** 2 / 16_000)])
        scales = 2.0 ** np.ceil(np.log2(scales)) if random.random() < 0.4 else scales
        zeros = [int(random.choice([-128, 0, 127, random.integers(-128, 128)])) for _ in range(3)]
        operands = shapes(random)
        return squared_difference(*operands, scales, zeros), f"{operands} {scales} {zeros}"

    assert_bit_equal(make, kernel_set, num_files=60)


def test_an_output_scale_on_which_litert_aborts_is_refused():
    graph = read_model(squared_difference([2], [2], [1.0, 1.0, 4 / 16384], [0, 0, 0])).subgraphs[0]
    with pytest.raises(NotSimulatedError, match="below the square of its inputs"):
        simulate(graph, {0: np.zeros(2, np.int8), 1: np.zeros(2, np.int8)}, "reference")
