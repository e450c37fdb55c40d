"""The simulator's `tflite_micro` against the real tflite-micro interpreter: what it computes, and what it lacks."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from qat_kit.errors import NotSimulatedError
from qat_kit.kernels import simulate
from qat_kit.kernels.availability import MICRO_LACKS
from qat_kit.litert.model_file import read_model
from tests.parity.kernels import (
    test_batch_matmul,
    test_binary,
    test_concatenation_pad,
    test_conv_2d,
    test_depthwise_conv_2d,
    test_fully_connected,
    test_mean_sum,
    test_movement,
    test_pools,
    test_prelu,
    test_quantize,
    test_transpose_conv,
    test_unary,
)
from tests.support.kernels import assert_bit_equal
from tests.support.tflite import Builder, int8_network
from tests.support.tflite_micro import run_on_micro


def unary(random, op, kind="INT8"):
    return test_unary.one_op(random, op, [int(random.integers(1, 40)), 53], kind=kind)


def rsqrt(random):
    codes = random.integers(-128, 128, [20, 53]).astype(np.int8)
    return *test_unary.one_op(random, "RSQRT", codes.shape, input_zero_point=-128), [codes]


def moved(random, op, draw, kind="INT8"):
    return test_movement.one_op(random, op, draw, kind, 1)


# Where tflite-micro computes otherwise than LiteRT's reference kernels.
OF_ITS_OWN = {
    **{f"MUL-{kind}": partial(test_binary.draw_near_ties, op="MUL", kind=kind) for kind in ("INT8", "INT16")},
    **{
        f"{op}-{kind}": partial(unary, op=op, kind=kind)
        for op in ("RELU", "RELU6", "LEAKY_RELU", "ABS", "LOGISTIC", "TANH")
        for kind in ("INT8", "INT16")
    },
    **{f"PRELU-{kind}": partial(test_prelu.prelu, kind=kind) for kind in ("INT8", "INT16")},
    "FULLY_CONNECTED-near-ties": test_fully_connected.draw_near_ties,
    "FULLY_CONNECTED-16x8": partial(test_fully_connected.draw, kind="INT16"),
    "FULLY_CONNECTED-16x8-narrow": partial(test_fully_connected.draw, kind="INT16", wide=False),
    "BATCH_MATMUL-near-ties": test_batch_matmul.draw_near_ties,
}
# Where it does not.
AS_REFERENCE = {
    **{
        f"{op}-{kind}": partial(test_binary.draw, op=op, kind=kind)
        for op in ("ADD", "SUB")
        for kind in ("INT8", "INT16")
    },
    **{f"CONV_2D-{kind}": partial(test_conv_2d.draw, kind=kind) for kind in ("INT8", "INT16")},
    "CONV_2D-INT4": partial(test_conv_2d.draw, weights="INT4"),
    **{f"DEPTHWISE_CONV_2D-{kind}": partial(test_depthwise_conv_2d.draw, kind=kind) for kind in ("INT8", "INT16")},
    "DEPTHWISE_CONV_2D-INT4": partial(test_depthwise_conv_2d.draw, weights="INT4"),
    **{f"TRANSPOSE_CONV-{kind}": partial(test_transpose_conv.draw, kind=kind) for kind in ("INT8", "INT16")},
    **{f"BATCH_MATMUL-{kind}": partial(test_batch_matmul.draw, kind=kind) for kind in ("INT8", "INT16")},
    **{f"MEAN-{kind}": partial(test_mean_sum.draw, op="MEAN", kind=kind) for kind in ("INT8", "INT16")},
    **{
        f"{op}-{kind}": partial(test_pools.draw, op=op, kind=kind)
        for op in ("AVERAGE_POOL_2D", "MAX_POOL_2D")
        for kind in ("INT8", "INT16")
    },
    "CONCATENATION": partial(test_concatenation_pad.draw_concatenation, kind="INT8"),
    **{op: partial(test_concatenation_pad.draw_pad, op=op, kind="INT8") for op in ("PAD", "PADV2")},
    **{
        f"QUANTIZE-{source}-{target}": partial(test_quantize.draw, source=source, target=target)
        for source, target in (("FLOAT32", "INT8"), ("FLOAT32", "INT16"), ("INT8", "INT8"), ("UINT8", "INT8"))
    },
    "QUANTIZE-INT8-UINT8": partial(test_quantize.draw, source="INT8", target="UINT8"),
    "HARD_SWISH": partial(unary, op="HARD_SWISH"),
    "RSQRT": rsqrt,
    **{
        op: partial(moved, op=op, draw=draw)
        for op, draw in (
            ("TRANSPOSE", test_movement.transpose),
            ("STRIDED_SLICE", test_movement.strided_slice),
            ("GATHER", test_movement.gather),
            ("GATHER_ND", test_movement.gather_nd),
            ("SPLIT", test_movement.split),
            ("BATCH_TO_SPACE_ND", test_movement.batch_to_space_nd),
            ("MIRROR_PAD", test_movement.mirror_pad),
            ("REVERSE_V2", test_movement.reverse),
            ("SELECT_V2", test_movement.select_v2),
        )
    },
}


@pytest.mark.parametrize("name", OF_ITS_OWN)
def test_what_it_computes_in_its_own_way_is_bit_equal(name):
    assert_bit_equal(OF_ITS_OWN[name], "tflite_micro", num_elements=20_000, num_files=40)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*OF_ITS_OWN, *AS_REFERENCE])
def test_everything_is_bit_equal(name):
    assert_bit_equal({**OF_ITS_OWN, **AS_REFERENCE}[name], "tflite_micro", seed=1)


def test_a_small_network_is_bit_equal():
    for seed in range(5):
        graph = read_model(int8_network(seed)).subgraphs[0]
        codes = np.random.default_rng(seed).integers(-128, 128, (1, 4, 4, 2)).astype(np.int8)
        simulated = simulate(graph, {0: codes}, "tflite_micro")[graph.outputs[0]]
        np.testing.assert_array_equal(simulated, run_on_micro(int8_network(seed), [codes])[0])


@pytest.mark.parametrize("op", ["GELU", "RELU_N1_TO_1", "RELU_0_TO_1", "EXP", "LOG"])
def test_what_it_lacks_is_refused_by_both(op):
    data, _ = test_unary.one_op(np.random.default_rng(0), op, [4])
    codes = np.arange(4).astype(np.int8)
    assert op in MICRO_LACKS
    with pytest.raises(NotSimulatedError, match=f"{op} has no kernel in tflite-micro"):
        simulate(read_model(data).subgraphs[0], {0: codes}, "tflite_micro")
    with pytest.raises(RuntimeError):
        run_on_micro(data, [codes])


def test_a_padding_that_tflite_micro_fills_at_random_is_refused():
    graph = Builder()
    x = graph.tensor("x", [1, 1, 2, 1], "INT8", scale=[0.1], zero_point=[5])
    block = graph.tensor("block", [2], "INT32", data=np.array([1, 1], np.int32))
    paddings = graph.tensor("paddings", [2, 2], "INT32", data=np.array([[0, 0], [0, 1]], np.int32))
    y = graph.tensor("y", [1, 1, 3, 1], "INT8", scale=[0.1], zero_point=[5])
    graph.op("SPACE_TO_BATCH_ND", [x, block, paddings], [y], options=schema.SpaceToBatchNDOptionsT(), version=3)
    codes = np.array([7, 8], np.int8).reshape(1, 1, 2, 1)
    read = read_model(graph.bytes([x], [y])).subgraphs[0]
    assert simulate(read, {x: codes}, "reference")[y].ravel().tolist() == [7, 8, 5]
    with pytest.raises(NotSimulatedError, match="fills with what memory holds"):
        simulate(read, {x: codes}, "tflite_micro")
