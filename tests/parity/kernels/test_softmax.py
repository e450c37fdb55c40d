"""SOFTMAX, LOG_SOFTMAX and L2_NORMALIZATION, which work over the last axis, against LiteRT."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from qat_kit.errors import ModelCrashError, NotSimulatedError
from qat_kit.kernels import simulate
from qat_kit.litert.interpreter import Interpreter, Limits
from qat_kit.litert.model_file import read_model
from tests.support.kernels import assert_bit_equal, differences
from tests.support.tflite import Builder

KERNEL_SETS = ["reference", "builtin", "xnnpack"]


def one_op(op, shape, *, input_scale, zero_point, beta=1.0):
    scale, output_zero_point = {
        "SOFTMAX": (1 / 256, -128),
        "LOG_SOFTMAX": (1 / 16, 127),
        "L2_NORMALIZATION": (1 / 128, 0),
    }[op]
    options = {"SOFTMAX": schema.SoftmaxOptionsT, "L2_NORMALIZATION": schema.L2NormOptionsT}.get(op, lambda: None)()
    if op == "SOFTMAX":
        options.beta = beta
    graph = Builder()
    x = graph.tensor("x", shape, "INT8", scale=[input_scale], zero_point=[zero_point])
    y = graph.tensor("y", shape, "INT8", scale=[scale], zero_point=[output_zero_point])
    graph.op(op, [x], [y], options=options, version=2)
    return graph.bytes([x], [y])


@pytest.mark.parametrize("kernel_set", KERNEL_SETS)
@pytest.mark.parametrize("op", ["SOFTMAX", "LOG_SOFTMAX", "L2_NORMALIZATION"])
@pytest.mark.parametrize(("rows", "depths"), [(400, (1, 2, 3, 10)), (20, (100, 1000))])
def test_rows_of_every_length(op, rows, depths, kernel_set):
    def make(random):
        shape = [int(random.integers(1, 4)), int(random.integers(1, rows)), int(random.choice(depths))]
        # A thousand values closer together than this sum to more than the reference kernel can hold.
        lowest = -1.5 if max(depths) == 1000 else -3
        input_scale = 10 ** random.uniform(lowest, 0.3)
        input_scale = float(np.float32(2.0 ** round(np.log2(input_scale)) if random.random() < 0.5 else input_scale))
        zero_point, beta = int(random.integers(-128, 128)), float(np.float32(random.choice([1.0, 0.5, 2.3])))
        data = one_op(op, shape, input_scale=input_scale, zero_point=zero_point, beta=beta)
        return data, f"{shape}, {input_scale}, beta {beta}"

    assert_bit_equal(make, kernel_set)


@pytest.mark.parametrize("kernel_set", KERNEL_SETS)
def test_int16_softmax(kernel_set):
    def make(random):
        shape = [int(random.integers(1, 100)), int(random.choice([1, 2, 10, 1000]))]
        input_scale = float(np.float32(10 ** random.uniform(-5, -2.5)))
        input_scale = 2.0 ** round(np.log2(input_scale)) if random.random() < 0.3 else input_scale
        beta = float(np.float32(random.choice([1.0, 0.5, 2.3])))
        options = schema.SoftmaxOptionsT()
        options.beta = beta
        graph = Builder()
        x = graph.tensor("x", shape, "INT16", scale=[input_scale], zero_point=[0])
        y = graph.tensor("y", shape, "INT16", scale=[2.0**-15], zero_point=[0])
        graph.op("SOFTMAX", [x], [y], options=options, version=3)
        return graph.bytes([x], [y]), f"{shape}, {input_scale}, beta {beta}"

    assert_bit_equal(make, kernel_set)


@pytest.mark.parametrize("kernel_set", ["builtin", "xnnpack"])
def test_a_tie_is_rounded_up(kernel_set):
    # 512 equal values: 256 / 512 = ½ of a step each.
    data = one_op("SOFTMAX", [1, 512], input_scale=0.5, zero_point=0)
    compared, differing, where = differences(data, kernel_set, np.random.default_rng(0), [np.zeros((1, 512), np.int8)])
    assert (compared, differing) == (512, 0), where


def test_a_row_on_which_the_reference_softmax_ends_the_process_is_refused():
    graph = read_model(one_op("SOFTMAX", [1, 600], input_scale=0.5, zero_point=0)).subgraphs[0]
    with pytest.raises(NotSimulatedError, match="sum to 512 or more"):
        simulate(graph, {0: np.zeros((1, 600), np.int8)}, "reference")


@pytest.mark.parametrize("op", ["SOFTMAX", "LOG_SOFTMAX"])
def test_steps_on_which_the_reference_kernels_end_the_process_are_refused(op):
    random = np.random.default_rng(0)
    data = one_op(op, [20, 4], input_scale=2.0**-26, zero_point=0)
    with pytest.raises(NotSimulatedError, match="on which it ends the process"):
        simulate(read_model(data).subgraphs[0], {0: np.zeros((20, 4), np.int8)}, "reference")
    with pytest.raises(ModelCrashError):
        Interpreter(data, kernel_set="reference", limits=Limits())
    compared, differing, where = differences(
        one_op(op, [20, 4], input_scale=2.0**-26 * 1.01, zero_point=0), "reference", random
    )
    assert (compared, differing) == (80, 0), where
    assert differences(data, "builtin", random)[1] == 0
