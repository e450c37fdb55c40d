"""DEPTHWISE_CONV_2D against LiteRT, code by code."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from qat_kit.errors import NotSimulatedError
from qat_kit.kernels import simulate
from qat_kit.litert.model_file import read_model
from tests.support.kernels import WeightedOp, assert_bit_equal, window_output

KERNEL_SETS = ["reference", "builtin", "xnnpack"]


def draw(random, kind="INT8", *, weights="INT8", plain=False, has_bias=True):
    draws = WeightedOp(random, kind)
    batch, height, width = random.integers(1, 3), *random.integers(5, 22, 2)
    channels, multiplier = int(random.integers(1, 40)), int(random.choice([1, 1, 1, 2, 3]))
    taps = (3, 3) if plain else tuple(int(n) for n in random.integers(1, 6, 2))
    strides = [int(random.integers(1, 3))] * 2 if plain else random.integers(1, 4, 2)
    dilations = (1, 1) if plain else random.integers(1, 3, 2)
    same = bool(random.random() < 0.5)
    sizes = [
        window_output(size, count, stride, dilation, same=same)
        for size, count, stride, dilation in zip((height, width), taps, strides, dilations, strict=True)
    ]
    if min(sizes) < 1:
        return draw(random, kind, weights=weights, plain=plain, has_bias=has_bias)
    x = draws.input([batch, height, width, channels])
    w = draws.weights([1, *taps, channels * multiplier], 3, per_channel=random.random() < 0.8, kind=weights)
    bias = [draws.bias(channels * multiplier)] if has_bias else []
    y = draws.output([batch, *sizes, channels * multiplier], taps[0] * taps[1])
    options = schema.DepthwiseConv2DOptionsT()
    options.padding = schema.Padding.SAME if same else schema.Padding.VALID
    options.strideH, options.strideW = strides
    options.dilationHFactor, options.dilationWFactor = dilations
    options.depthMultiplier = multiplier
    activation = draws.activation()
    options.fusedActivationFunction = getattr(schema.ActivationFunctionType, activation)
    draws.graph.op("DEPTHWISE_CONV_2D", [x, w, *bias], [y], options=options, version=7 if weights == "INT4" else 6)
    words = f"{kind} {weights} {channels=} {multiplier=} {taps=} {strides=} {dilations=} {same=} {activation=}"
    return draws.graph.bytes([x], [y]), words


@pytest.mark.parametrize("kernel_set", KERNEL_SETS)
def test_int8_is_bit_equal(kernel_set):
    assert_bit_equal(draw, kernel_set, num_elements=150_000)


@pytest.mark.parametrize("kernel_set", KERNEL_SETS)
def test_3_by_3_int8_is_bit_equal(kernel_set):
    assert_bit_equal(lambda random: draw(random, plain=True), kernel_set)


@pytest.mark.parametrize("kernel_set", KERNEL_SETS)
def test_16x8_is_bit_equal(kernel_set):
    assert_bit_equal(lambda random: draw(random, "INT16"), kernel_set)


# The reference kernels are registered for older versions of the op alone, which have no 4-bit weights.
@pytest.mark.parametrize("kernel_set", ["builtin", "xnnpack"])
def test_4_bit_weights_are_bit_equal(kernel_set):
    assert_bit_equal(lambda random: draw(random, weights="INT4"), kernel_set)


def test_without_a_bias_the_reference_kernels_are_bit_equal_and_the_others_refused():
    assert_bit_equal(lambda random: draw(random, has_bias=False), "reference", num_elements=50_000)
    data, _words = draw(np.random.default_rng(0), has_bias=False)
    graph = read_model(data).subgraphs[0]
    codes = np.zeros(graph.tensors[graph.inputs[0]].shape, np.int8)
    for kernel_set in ("builtin", "xnnpack"):
        with pytest.raises(NotSimulatedError, match="no bias, on which LiteRT crashes"):
            simulate(graph, {graph.inputs[0]: codes}, kernel_set)
