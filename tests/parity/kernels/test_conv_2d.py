"""CONV_2D against LiteRT, code by code."""

from __future__ import annotations

import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.support.kernels import WeightedOp, assert_bit_equal, window_output

KERNEL_SETS = ["reference", "builtin", "xnnpack"]


def draw(random, kind="INT8", *, weights="INT8", pointwise=False, wide=True):
    draws = WeightedOp(random, kind, wide=wide)
    batch, height, width = random.integers(1, 3), *random.integers(5, 22, 2)
    groups = int(random.choice([1, 1, 1, 2, 4]))
    depth, channels = int(random.integers(1, 24)), groups * int(random.integers(1, 24))
    taps = (1, 1) if pointwise else tuple(int(n) for n in random.integers(1, 5, 2))
    strides = random.integers(1, 4, 2)
    dilations = random.integers(1, 3, 2)
    same = bool(random.random() < 0.5)
    sizes = [
        window_output(size, count, stride, dilation, same=same)
        for size, count, stride, dilation in zip((height, width), taps, strides, dilations, strict=True)
    ]
    if min(sizes) < 1:
        return draw(random, kind, weights=weights, pointwise=pointwise, wide=wide)
    x = draws.input([batch, height, width, depth * groups])
    w = draws.weights([channels, *taps, depth], 0, per_channel=random.random() < 0.8, kind=weights)
    b = draws.bias(channels)
    y = draws.output([batch, *sizes, channels], depth * taps[0] * taps[1])
    options = schema.Conv2DOptionsT()
    options.padding = schema.Padding.SAME if same else schema.Padding.VALID
    options.strideH, options.strideW = strides
    options.dilationHFactor, options.dilationWFactor = dilations
    if not wide:
        options.quantizedBiasType = schema.TensorType.INT32
    activation = draws.activation()
    options.fusedActivationFunction = getattr(schema.ActivationFunctionType, activation)
    draws.graph.op("CONV_2D", [x, w, b], [y], options=options, version=8 if not wide else 7 if weights == "INT4" else 5)
    words = f"{kind} {weights} {groups=} {depth=} {channels=} {taps=} {strides=} {dilations=} {same=} {activation=}"
    return draws.graph.bytes([x], [y]), words


@pytest.mark.parametrize("kernel_set", KERNEL_SETS)
def test_int8_is_bit_equal(kernel_set):
    assert_bit_equal(draw, kernel_set, num_elements=150_000)


@pytest.mark.parametrize("kernel_set", KERNEL_SETS)
def test_pointwise_int8_is_bit_equal(kernel_set):
    assert_bit_equal(lambda random: draw(random, pointwise=True), kernel_set)


@pytest.mark.parametrize("kernel_set", KERNEL_SETS)
@pytest.mark.parametrize("wide", [True, False])
def test_16x8_is_bit_equal(wide, kernel_set):
    assert_bit_equal(lambda random: draw(random, "INT16", wide=wide), kernel_set)


@pytest.mark.parametrize("kernel_set", KERNEL_SETS)
def test_4_bit_weights_are_bit_equal(kernel_set):
    assert_bit_equal(lambda random: draw(random, weights="INT4"), kernel_set)
