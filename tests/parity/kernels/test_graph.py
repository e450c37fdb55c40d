"""Whole files, every tensor of them, against LiteRT: real ones, and ones that the converter writes here."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from qat_kit.errors import DataError, NotSimulatedError, UnknownNameError
from qat_kit.kernels import Call, run, simulate
from qat_kit.litert.model_file import read_model
from tests.support.kernels import assert_every_tensor_equals
from tests.support.tflite import Builder, int8_network, shared_file

KERNEL_SETS = ["reference", "builtin", "xnnpack"]


@pytest.mark.parametrize("kernel_set", KERNEL_SETS)
@pytest.mark.parametrize(
    ("name", "num_inputs"),
    [
        ("ai-edge-quantizer__conv_fc_mnist_srq_a8w8", 20),
        ("tflite-micro__micro_speech_quantized", 20),
        ("tinyengine__vww", 2),
        ("tinyengine__detection", 1),
    ],
)
def test_real_files(name, num_inputs, kernel_set):
    assert_every_tensor_equals(shared_file(f"{name}.tflite"), kernel_set, num_inputs=num_inputs)


@pytest.mark.parametrize("kernel_set", KERNEL_SETS)
def test_a_small_network(kernel_set):
    for seed in range(20):
        assert_every_tensor_equals(int8_network(seed), kernel_set, num_inputs=2, seed=seed)


@cache
def converted(kind):
    """A network with residuals, branches and every kind of layer that is common, quantized by the converter."""
    tf = pytest.importorskip("tensorflow")
    random = np.random.default_rng(5)

    def weights(*shape):
        return random.normal(0, np.sqrt(2 / np.prod(shape[:-1])), shape).astype(np.float32)

    kernels = [weights(3, 3, 3, 20), weights(3, 3, 20, 1), weights(1, 1, 20, 20), weights(3, 3, 12, 20)]
    dense = weights(12, 10)

    @tf.function(input_signature=[tf.TensorSpec([1, 24, 24, 3], tf.float32)])
    def network(image):
        x = tf.nn.relu6(tf.nn.conv2d(image, kernels[0], 2, "SAME") + 0.1)
        y = tf.nn.relu(tf.nn.depthwise_conv2d(x, kernels[1] * 3, [1, 1, 1, 1], "SAME") - 0.05)
        x = tf.nn.relu(x + tf.nn.conv2d(y, kernels[2], 1, "VALID"))
        x = tf.concat([tf.nn.max_pool2d(x, 2, 2, "SAME"), tf.nn.avg_pool2d(x, 2, 2, "SAME")], axis=-1)
        x = tf.pad(x[..., :20] * x[..., 20:] - 0.3 * x[..., 10:30], [[0, 0], [1, 1], [1, 1], [0, 0]])
        x = tf.nn.conv2d_transpose(x, kernels[3], [1, 16, 16, 12], 2, "SAME")
        x = tf.nn.bias_add(x, np.full(12, 0.02, np.float32))
        x = tf.linalg.matmul(tf.reduce_mean(x, [1, 2]), dense) * 4
        return tf.nn.softmax(x) if kind == "INT8" else x

    module = tf.Module()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([network.get_concrete_function()], module)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: (
        [random.normal(0, 1, (1, 24, 24, 3)).astype(np.float32)] for _ in range(8)
    )
    ops = {
        "INT8": tf.lite.OpsSet.TFLITE_BUILTINS_INT8,
        "INT16": tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8,
    }
    converter.target_spec.supported_ops = [ops[kind]]
    converter.inference_input_type = converter.inference_output_type = {"INT8": tf.int8, "INT16": tf.int16}[kind]
    return bytes(converter.convert())


@pytest.mark.parametrize("kernel_set", KERNEL_SETS)
def test_a_converted_network(kernel_set):
    data = converted("INT8")
    names = {operator.op for operator in read_model(data).subgraphs[0].operators}
    assert names >= {"CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "CONCATENATION", "PAD", "TRANSPOSE_CONV", "MEAN", "SOFTMAX"}
    assert_every_tensor_equals(data, kernel_set, num_inputs=20)


@pytest.mark.parametrize("kernel_set", KERNEL_SETS)
def test_a_converted_16x8_network(kernel_set):
    assert_every_tensor_equals(converted("INT16"), kernel_set, num_inputs=20)


def test_inputs_that_are_not_the_graphs_are_refused():
    graph = read_model(int8_network()).subgraphs[0]
    with pytest.raises(DataError, match=r"the graph's inputs are tensors \[0\], received \[1\]"):
        simulate(graph, {1: np.zeros((1, 4, 4, 2), np.int8)}, "reference")
    with pytest.raises(DataError, match=r"takes INT8 \[1, 4, 4, 2\], received INT8 \[4, 4, 2\]"):
        simulate(graph, {0: np.zeros((4, 4, 2), np.int8)}, "reference")


def test_what_is_not_simulated_is_named():
    with pytest.raises(UnknownNameError, match="no simulated kernel named 'CONV_3D'; did you mean 'CONV_2D'"):
        run(Call(op="CONV_3D", inputs=(), outputs=(), kernel_set="reference"))
    graph = Builder()
    x, y = (graph.tensor(name, [1, 4], "FLOAT32") for name in "xy")
    w = graph.tensor("w", [4, 4], "FLOAT32", data=np.ones((4, 4), np.float32))
    graph.op("FULLY_CONNECTED", [x, w, -1], [y])
    model = read_model(graph.bytes([x], [y]))
    with pytest.raises(NotSimulatedError, match="FULLY_CONNECTED with input, weights and output of FLOAT32"):
        simulate(model.subgraphs[0], {x: np.ones((1, 4), np.float32)}, "builtin")
