"""Ops of one tensor against LiteRT: every one of the 256 codes, under many pairs of scales."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from qat_kit.errors import ModelFileError, NotSimulatedError
from qat_kit.kernels import simulate
from qat_kit.litert.interpreter import Interpreter
from qat_kit.litert.model_file import read_model
from tests.support.kernels import assert_bit_equal, differences
from tests.support.tflite import Builder

KERNEL_SETS = ["reference", "builtin", "xnnpack"]
ALL_CODES = np.arange(-128, 128).astype(np.int8)


def scale(random, low, high):
    drawn = np.exp(random.uniform(np.log(low), np.log(high)))
    # Powers of two make exact ties, which tell the ways of rounding apart.
    return float(np.float32(2.0 ** np.round(np.log2(drawn)) if random.random() < 0.5 else drawn))


def leaky(random):
    options = schema.LeakyReluOptionsT()
    options.alpha = float(np.float32(random.choice([0.0, 0.25, 0.1, -0.5, 1.5, random.normal()])))
    return options


def gelu(random):
    options = schema.GeluOptionsT()
    options.approximate = bool(random.random() < 0.5)
    return options


def no_options(_):
    return None


# How an op's options are drawn, whether its output's parameters are fixed, and its version.
INT8_OPS = {
    "RELU": (no_options, None, 2),
    "RELU6": (no_options, None, 2),
    "RELU_N1_TO_1": (no_options, None, 1),
    "LEAKY_RELU": (leaky, None, 2),
    "HARD_SWISH": (no_options, None, 1),
    "LOGISTIC": (no_options, (1 / 256, -128), 2),
    "TANH": (no_options, None, 2),
    "ELU": (no_options, None, 1),
    "GELU": (gelu, None, 2),
    "RELU_0_TO_1": (no_options, None, 1),
    "ABS": (no_options, None, 2),
    "EXP": (no_options, None, 2),
    "LOG": (no_options, None, 2),
}
# Roots are taken of what is not below the zero point; they are run on those codes alone.
ROOTS = ("SQRT", "RSQRT")


def one_op(random, op, shape, *, kind="INT8", input_scale=None, input_zero_point=None):
    draw_options, fixed, version = INT8_OPS.get(op, (no_options, None, 2))

    def zero_point():
        return int(random.integers(-128, 128)) if kind == "INT8" else 0

    if kind == "INT16":
        fixed = (1 / 32768, 0) if op in ("LOGISTIC", "TANH") else None
    lowest, highest = (1e-3, 1) if kind == "INT8" else (3e-5, 4e-3)
    input_scale = input_scale or scale(random, lowest, highest)
    # Twice in three times the two are of one order, as in a real model, so that few codes are clipped.
    output_scale = (
        scale(random, lowest, highest) if random.random() < 1 / 3 else scale(random, input_scale / 8, input_scale * 8)
    )
    output_scale, output_zero_point = fixed or (output_scale, zero_point())
    if op == "HARD_SWISH":
        # LiteRT refuses inputs whose scale is 128 times the output's.
        output_scale = max(output_scale, input_scale / 64)
    options = draw_options(random)
    graph = Builder()
    input_zero_point = zero_point() if input_zero_point is None else input_zero_point
    x = graph.tensor("x", shape, kind, scale=[input_scale], zero_point=[input_zero_point])
    y = graph.tensor("y", shape, kind, scale=[output_scale], zero_point=[output_zero_point])
    graph.op(op, [x], [y], options=options, version=version)
    return graph.bytes([x], [y]), f"{input_scale} to {output_scale}, {vars(options) if options else ''}"


@pytest.mark.parametrize("op", INT8_OPS)
def test_every_code_under_400_pairs_of_scales(op):
    random = np.random.default_rng(0)
    # LiteRT's reference set has no ELU.
    kernel_sets = KERNEL_SETS[1:] if op == "ELU" else KERNEL_SETS
    for _ in range(400):
        data, words = one_op(random, op, [len(ALL_CODES)])
        for kernel_set in kernel_sets:
            _, differing, where = differences(data, kernel_set, random, [ALL_CODES])
            assert differing == 0, f"{differing} codes differ on {kernel_set} for {words}. {where}"


@pytest.mark.parametrize("kernel_set", KERNEL_SETS)
def test_a_hard_swish_of_next_to_nothing(kernel_set):
    random = np.random.default_rng(0)
    for _ in range(40):
        data, words = one_op(random, "HARD_SWISH", [len(ALL_CODES)], input_scale=scale(random, 1e-10, 1e-4))
        _, differing, where = differences(data, kernel_set, random, [ALL_CODES])
        assert differing == 0, f"{differing} codes differ for {words}. {where}"


@pytest.mark.parametrize("op", ROOTS)
def test_roots_of_every_code_under_400_pairs_of_scales(op):
    random = np.random.default_rng(0)
    for _ in range(400):
        lowest = int(random.choice([-128, 0, int(random.integers(-128, 120))]))
        codes = np.arange(lowest, 128).astype(np.int8)
        data, words = one_op(random, op, [len(codes)], input_zero_point=lowest)
        for kernel_set in KERNEL_SETS:
            _, differing, where = differences(data, kernel_set, random, [codes])
            assert differing == 0, f"{differing} codes differ on {kernel_set} for {words}. {where}"


@pytest.mark.parametrize("kernel_set", KERNEL_SETS)
@pytest.mark.parametrize("op", ROOTS)
def test_int16_roots(op, kernel_set):
    def make(random):
        codes = random.integers(0, 1 << 15, [int(random.integers(1, 60)), 53]).astype(np.int16)
        return *one_op(random, op, codes.shape, kind="INT16"), [codes]

    assert_bit_equal(make, kernel_set)


def test_a_bound_that_leaves_int32_is_refused():
    graph = Builder()
    x, y = (graph.tensor(name, [4], "INT8", scale=[1e-9], zero_point=[0]) for name in "xy")
    graph.op("RELU6", [x], [y])
    with pytest.raises(NotSimulatedError, match="the bound 6 leaves int32"):
        simulate(read_model(graph.bytes([x], [y])).subgraphs[0], {x: np.zeros(4, np.int8)}, "builtin")


def test_an_int16_table_beyond_float32_is_refused():
    data, _ = one_op(np.random.default_rng(0), "EXP", [4], kind="INT16", input_scale=1 / 256)
    with pytest.raises(NotSimulatedError, match="leaves float32"):
        simulate(read_model(data).subgraphs[0], {0: np.zeros(4, np.int16)}, "builtin")


@pytest.mark.parametrize("op", ROOTS)
def test_roots_of_what_is_below_zero_are_refused(op):
    data, _ = one_op(np.random.default_rng(0), op, [2], input_zero_point=5)
    codes = np.array([4, 6], np.int8)
    with pytest.raises(NotSimulatedError, match="values below 0"):
        simulate(read_model(data).subgraphs[0], {0: codes}, "builtin")
    with pytest.raises(ModelFileError):
        Interpreter(data, kernel_set="builtin").run(codes)


@pytest.mark.parametrize("op", ["LOGISTIC", "TANH", "ELU", "LEAKY_RELU"])
def test_seven_dimensions_which_xnnpack_leaves(op):
    assert_bit_equal(lambda random: one_op(random, op, [2, 2, 2, 2, 2, 2, 10]), "xnnpack")


@pytest.mark.parametrize("kernel_set", KERNEL_SETS)
@pytest.mark.parametrize("op", ["RELU", "RELU6", "LEAKY_RELU", "LOGISTIC", "TANH", "GELU", "ABS", "EXP", "LOG"])
def test_int16(op, kernel_set):
    def make(random):
        # No multiple of the vectors' lengths, so that the kernels' tails run too. exp(70) / 3e-5 is a float32.
        input_scale = scale(random, 3e-5, 64 / 32768) if op == "EXP" else None
        return one_op(random, op, [int(random.integers(1, 60)), 53], kind="INT16", input_scale=input_scale)

    assert_bit_equal(make, kernel_set)


@pytest.mark.parametrize("kernel_set", KERNEL_SETS)
@pytest.mark.parametrize(("op", "power"), [("LOGISTIC", -12), ("TANH", -12), ("TANH", -11)])
def test_int16_sigmoids_at_powers_of_two_for_every_code(op, power, kernel_set):
    random = np.random.default_rng(0)
    codes = np.arange(-(1 << 15), 1 << 15).astype(np.int16)
    data, words = one_op(random, op, [len(codes)], kind="INT16", input_scale=2.0**power)
    compared, differing, where = differences(data, kernel_set, random, [codes])
    assert (compared, differing) == (1 << 16, 0), f"{words}. {where}"


def test_elu_is_refused_where_litert_has_no_kernel():
    data, _ = one_op(np.random.default_rng(0), "ELU", [256])
    with pytest.raises(NotSimulatedError, match="reference set"):
        simulate(read_model(data).subgraphs[0], {0: ALL_CODES}, "reference")
