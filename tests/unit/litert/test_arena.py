"""The arena that is planned is the one that LiteRT lays out, tensor by tensor."""

from __future__ import annotations

import itertools

import pytest
from ai_edge_litert import interpreter as litert

from qat_kit.litert.arena import ALIGNMENT_BYTES, num_bytes, plan_arena
from qat_kit.litert.macs import num_macs
from qat_kit.litert.model_file import read_model
from tests.support.tflite import int8_network, shared_file

REAL = [
    # Kernels with scratch memory of their own (16-bit sums, recurrent cells) lie elsewhere; these have none.
    ("ai-edge-quantizer__conv_fc_mnist", 34_496),
    ("mediapipe__custom_gesture_classifier", 1_068),
    ("micro-wake-word-models__vad", 1_680),
    ("test_data__mobilenet_v1_0.25_128_quant", 147_456),
    ("tflite-micro__micro_speech_quantized", 7_976),
    ("tinyengine__ptq_mnist_lenet-300-100", 4_268),
]
# Whose offsets differ where two tensors are equally large, and whose size is the same all the same.
REAL_BUT_FOR_TIES = [
    ("test_data__deeplabv3_mnv2_dm05_pascal_quant", 8_421_512),
    ("tflite-support__automl_labeler_model", 903_168),
    ("tinyengine__detection", 582_784),
    ("tinyengine__vww", 238_272),
]


def laid_out(path, graph, plan):
    """Tensor index → offset as LiteRT's reference kernels have it."""
    runtime = litert.Interpreter(model_path=str(path), experimental_op_resolver_type=litert.OpResolverType.BUILTIN_REF)
    runtime.allocate_tensors()
    addresses = {
        index: runtime.tensor(index)().__array_interface__["data"][0]
        for index in plan.offsets
        if graph.tensors[index].type != "RESOURCE" and num_bytes(graph.tensors[index])
    }
    start = min(addresses.values())
    return {index: address - start for index, address in addresses.items()}


@pytest.mark.parametrize(("name", "size"), REAL + REAL_BUT_FOR_TIES)
def test_real_files(name, size):
    path = shared_file(f"{name}.tflite")
    graph = read_model(path).subgraphs[0]
    plan = plan_arena(graph)
    assert plan.arena_bytes == size
    offsets = laid_out(path, graph, plan)
    assert max(offset + num_bytes(graph.tensors[index]) for index, offset in offsets.items()) == size
    if (name, size) in REAL:
        assert {index: plan.offsets[index] for index in offsets} == offsets


def test_nothing_that_lives_at_once_overlaps():
    graph = read_model(int8_network()).subgraphs[0]
    plan = plan_arena(graph)
    assert all(offset % ALIGNMENT_BYTES == 0 for offset in plan.offsets.values())
    for operator in graph.operators:
        spans = sorted(
            (plan.offsets[index], plan.offsets[index] + num_bytes(graph.tensors[index]))
            for index in (*operator.inputs, *operator.outputs)
            if index in plan.offsets
        )
        # A reshape works in place; all else needs its input while it writes its output.
        if operator.op != "RESHAPE":
            assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spans)), operator


def test_products_of_each_operator():
    graph = read_model(int8_network()).subgraphs[0]
    assert [num_macs(graph, operator) for operator in graph.operators] == [4 * 4 * 4 * 18, 4 * 4 * 4 * 9, 0, 3 * 64, 0]
    transposed = read_model(shared_file("tflite-micro__transpose_conv2.tflite")).subgraphs[0]
    (operator,) = transposed.operators
    kernel, image = (transposed.tensors[operator.inputs[position]].shape for position in (1, 2))
    assert num_macs(transposed, operator) == 20 * 32 * kernel[0] * kernel[1] * kernel[2] == 20 * 32 * 32 * 12
    assert image == (1, 1, 20, 32)
