"""Whole files, every tensor of them, against LiteRT: real ones, and ones that the converter writes here."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import pytest

from qat_kit.errors import DataError, NotSimulatedError, QatKitError, UnknownNameError
from qat_kit.kernels import Call, run, simulate
from qat_kit.litert.model_file import read_model
from tests.support.kernels import assert_every_tensor_equals, random_codes
from tests.support.tflite import Builder, int8_network, shared_file, shared_files
from tests.support.tflite_micro import run_on_micro

KERNEL_SETS = ["reference", "builtin", "xnnpack"]


# Real files whose every tensor is the simulator's, and on how many inputs.
EXACT = {
    "ai-edge-quantizer__conv_fc_mnist_srq_a8w8": 20,
    "ai-edge-quantizer__embedding_lookup": 1,
    "ai-edge-quantizer__reshape_with_empty_shape": 1,
    "test_data__keras_lstm_mnist_ptq": 1,
    "test_data__split_concat": 2,
    "tflite-micro__dtln_noise_suppression": 1,
    "tflite-micro__micro_speech_quantized": 20,
    "tflite-micro__strided_slice0": 2,
    "tinyengine__detection": 1,
    "tinyengine__vww": 2,
}
# What stops the simulation of the others.
REFUSED = {
    "ai-edge-quantizer__blockwise_i4rangedvalues_fc": "FULLY_CONNECTED with input, weights and output of FLOAT32",
    "ai-edge-quantizer__conv_fc_mnist": "CONV_2D with input, weights and output of FLOAT32",
    "ai-edge-quantizer__duplicated_tensor_names": "MUL with types FLOAT32",
    "ai-edge-quantizer__toy_model_with_kv_cache_multi_signature": "ADD with types INT32",
    "ai-edge-quantizer__weight_sharing_fcs": "FULLY_CONNECTED with input, weights and output of FLOAT32",
    "mediapipe__custom_gesture_classifier": "FULLY_CONNECTED with input, weights and output of FLOAT32",
    "mediapipe__feedback_tensor_with_state_copy_model": "ADD with types INT32",
    "micro-wake-word-models__alexa": "no simulated kernel named 'CALL_ONCE'",
    "micro-wake-word-models__vad": "no simulated kernel named 'CALL_ONCE'",
    "test_data__deeplabv3_mnv2_dm05_pascal_quant": "CONV_2D with input, weights and output of UINT8",
    "test_data__mobilenet_v1_0.25_128_quant": "CONV_2D with input, weights and output of UINT8",
    "test_data__split_concat_edgetpu": "no simulated kernel named 'edgetpu-custom-op'",
    "tflite-micro__audio_preprocessor_float": "no simulated kernel named 'SignalWindow'",
    "tflite-micro__person_detect_vela": "no simulated kernel named 'ethos-u'",
    "tflite-micro__sine_float": "FULLY_CONNECTED with input, weights and output of FLOAT32",
    "tflite-support__automl_labeler_model": "CONV_2D with input, weights and output of UINT8",
    "tflite-support__test_model_nl_classifier_bool_output": "takes STRING",
    "tflite-support__whitespace_tokenizer_to_ragged_2d_input": "takes STRING",
    "tinyengine__ptq_mnist_lenet-300-100": "LOG_SOFTMAX with type FLOAT32",
}
# LiteRT runs neither as it is: one has biases whose scales run along no dimension, one takes its shape as an input.
# tflite-micro runs both, and six of the others.
ON_MICRO = (
    "ai-edge-quantizer__conv_fc_mnist_srq_a8w8",
    "tflite-micro__micro_speech_quantized",
    "tflite-micro__person_detect",
    "tflite-micro__strided_slice0",
    "tflite-micro__transpose_conv2",
    "tinyengine__detection",
    "tinyengine__vww",
)


@pytest.mark.parametrize("kernel_set", KERNEL_SETS)
@pytest.mark.parametrize("name", EXACT)
def test_every_tensor_of_a_real_file_is_litert_s(name, kernel_set):
    assert_every_tensor_equals(shared_file(f"{name}.tflite"), kernel_set, num_inputs=EXACT[name])


@pytest.mark.parametrize("kernel_set", KERNEL_SETS)
def test_threads_change_nothing(kernel_set):
    path = shared_file("tinyengine__detection.tflite")
    assert_every_tensor_equals(path, kernel_set, num_inputs=1, num_threads=4)


@pytest.mark.parametrize("name", ON_MICRO)
def test_the_outputs_of_a_real_file_are_tflite_micro_s(name):
    path, random = shared_file(f"{name}.tflite"), np.random.default_rng(0)
    graph = read_model(path).subgraphs[0]
    inputs = {}
    for index in graph.inputs:
        tensor = graph.tensors[index]
        is_shape = tensor.type == "INT32"
        inputs[index] = (
            np.array(graph.tensors[graph.outputs[0]].shape, np.int32)
            if is_shape
            else random_codes(random, tensor.type.lower(), tensor.shape)
        )
    simulated = simulate(graph, inputs, "tflite_micro")
    for index, expected in zip(graph.outputs, run_on_micro(path.read_bytes(), list(inputs.values())), strict=True):
        np.testing.assert_array_equal(simulated[index], expected)


@pytest.mark.parametrize("name", REFUSED)
def test_what_stops_the_simulation_of_a_real_file_is_named(name):
    graph = read_model(shared_file(f"{name}.tflite")).subgraphs[0]
    with pytest.raises(QatKitError, match=re.escape(REFUSED[name])):
        simulate(graph, {index: _zeros(graph.tensors[index]) for index in graph.inputs}, "builtin")


def _zeros(tensor):
    return np.zeros(tensor.shape, {"FLOAT32": "float32", "STRING": "object"}.get(tensor.type, tensor.type.lower()))


def test_every_real_file_is_simulated_or_has_its_reason():
    assert {path.stem for path in shared_files()} <= {*EXACT, *REFUSED, *ON_MICRO}


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
