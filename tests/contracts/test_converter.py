"""What we rely on in `tf.lite.TFLiteConverter`. A failure here means that an upgrade changed what a file will be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from qat_kit.litert.model_file import ModelFile, Tensor, read_model
from qat_kit.numerics import TensorSpec, choose_qparams, quantize, range_for_converter
from qat_kit.simulation.kernels import params_in_file
from qat_kit.verify import verify
from tests.support.conversion import conv, converted, fake, ops

WEIGHTS = TensorSpec(num_bits=8, symmetric=True, narrow_range=True, granularity="per_axis")


def kernel_of(model: ModelFile, op: str) -> Tensor:
    graph = model.subgraphs[0]
    operator = next(operator for operator in graph.operators if operator.op == op)
    return next(
        graph.tensors[index]
        for index in operator.inputs
        if graph.tensors[index].type == "INT8" and graph.tensors[index].is_constant
    )


# -------------------------------------------------------------------------------------------- kernels

IMAGE = (1, 6, 6, 4)


def _transposed(value: Any, kernel: Any) -> Any:
    return tf.nn.conv2d_transpose(value, kernel, (1, 12, 12, kernel.shape[2]), 2, "SAME")


# operator → (kernel shape in Keras, its output channels' axes, the operation, shape of the input)
KERNELS = {
    "CONV_2D": ((3, 3, 4, 6), (3,), lambda x, w: tf.nn.conv2d(x, w, 1, "SAME"), IMAGE),
    "DEPTHWISE_CONV_2D": ((3, 3, 4, 2), (2, 3), lambda x, w: tf.nn.depthwise_conv2d(x, w, (1, 1, 1, 1), "SAME"), IMAGE),
    "FULLY_CONNECTED": ((8, 6), (1,), tf.matmul, (1, 8)),
    "TRANSPOSE_CONV": ((3, 3, 6, 4), (2,), _transposed, IMAGE),
}


def channel_rows(kernel: np.ndarray, channel_axes: tuple[int, ...]) -> np.ndarray:
    """[channels, other], channels of a depthwise kernel in the order c · multiplier + m."""
    moved = np.moveaxis(kernel, channel_axes, range(len(channel_axes)))
    return moved.reshape(int(np.prod([kernel.shape[axis] for axis in channel_axes])), -1)


def stored_rows(tensor: Tensor) -> np.ndarray:
    """[channels, other] of a kernel in a file."""
    return np.moveaxis(tensor.data, tensor.quantized_dimension, 0).reshape(tensor.scale.size, -1)


def random_kernel(op: str) -> np.ndarray:
    return np.random.default_rng(0).normal(0.0, 0.3, KERNELS[op][0]).astype(np.float32)


@pytest.mark.parametrize("op", KERNELS)
def test_a_raw_kernel_is_quantized_per_channel_to_the_codes_of_numerics(op: str) -> None:
    _, channel_axes, operation, input_shape = KERNELS[op]
    kernel = random_kernel(op)
    # Halves, so that a scale of 1 makes ties of them: in the second channel of every operator's kernel.
    ties = channel_axes == (2, 3)
    rows = kernel[..., 0, 1] if ties else kernel[..., 1, :] if channel_axes == (2,) else kernel[..., 1]
    rows[...] = np.arange(rows.size).reshape(rows.shape) % 100 + 0.5
    rows.flat[0] = -127.0
    model = converted(lambda x: fake(operation(fake(x), tf.constant(kernel)), -900.0, 900.0), input_shape)
    assert ops(model) == [op]
    stored, rows = kernel_of(model, op), channel_rows(kernel, channel_axes)
    largest = np.abs(rows).max(axis=1)
    params = choose_qparams(-largest, largest, WEIGHTS, axis=0)
    np.testing.assert_array_equal(stored.scale, params.scale)
    assert stored.scale[1] == 1.0
    assert not stored.zero_point.any()
    np.testing.assert_array_equal(stored_rows(stored), quantize(rows, params, rounding="half_away"))
    assert (stored_rows(stored) != quantize(rows, params, rounding="half_even")).any()


@pytest.mark.parametrize("op", KERNELS)
@pytest.mark.parametrize("with_bias", [False, True])
def test_weak_channels_get_the_scales_that_we_predict(op: str, with_bias: bool) -> None:
    _, channel_axes, operation, input_shape = KERNELS[op]
    kernel = random_kernel(op)
    factors = np.array([1.0, 0.0, 1e-7, 1e-6, 1e-5, 1.0, 0.0, 1e-30], np.float32)
    count = channel_rows(kernel, channel_axes).shape[0]
    shape = [kernel.shape[axis] if axis in channel_axes else 1 for axis in range(kernel.ndim)]
    kernel *= factors[:count].reshape(shape)
    bias = np.linspace(-2.0, 3.0, count).astype(np.float32)

    def function(value: Any) -> Any:
        result = operation(fake(value), tf.constant(kernel))
        return fake(tf.nn.bias_add(result, bias) if with_bias else result)

    model = converted(function, input_shape)
    stored = kernel_of(model, op)
    rows = channel_rows(kernel, channel_axes)
    params = params_in_file(rows.T, bias if with_bias else None, 8.0 / 255)
    np.testing.assert_array_equal(stored.scale, params.scale)
    np.testing.assert_array_equal(stored_rows(stored), quantize(rows.T, params).T)


# -------------------------------------------------------------------------------------------- activations


def test_ranges_become_the_scales_and_zero_points_of_numerics_to_the_bit() -> None:
    random = np.random.default_rng(1)
    ends = np.sort(random.normal(0.0, 1.0, (60, 2)) * 10.0 ** random.uniform(-4, 4, (60, 1)), axis=1)
    chosen = [choose_qparams(min(low, 0.0), max(high, 0.0), TensorSpec()) for low, high in ends]
    chosen += [choose_qparams(-extent, extent, TensorSpec()) for extent in (0.1, 1.0, 3.3)]  # a zero point midway
    chosen += [choose_qparams(0.0, extent, TensorSpec()) for extent in (0.1, 1.0, 3.3, 2.0**-19)]
    ranges = [range_for_converter(params) for params in chosen]
    model = converted(
        lambda *values: [fake(value, *map(float, span)) for value, span in zip(values, ranges, strict=True)],
        *[(1, 3)] * len(ranges),
    )
    graph = model.subgraphs[0]
    places = (
        {name.partition("_")[0]: index for name, index in model.signatures[0].inputs.items()}
        if model.signatures
        else {}
    )
    tensors = [graph.tensors[places.get(f"input{i}", graph.inputs[i])] for i in range(len(ranges))]
    for tensor, params in zip(tensors, chosen, strict=True):
        assert tensor.scale[0] == params.scale
        assert tensor.zero_point[0] == params.zero_point


def test_a_range_of_a_millionth_is_widened() -> None:
    model = converted(lambda x: fake(x, 0.0, 5e-7), (1, 3))
    (index,) = model.subgraphs[0].inputs
    assert model.subgraphs[0].tensors[index].scale[0] > 5e-7 / 255 * 1.5


# -------------------------------------------------------------------------------------------- operators


@pytest.mark.parametrize(("activation", "name"), [(tf.nn.relu, "RELU"), (tf.nn.relu6, "RELU6")], ids=["relu", "relu6"])
def test_a_convolution_takes_its_activation_in(activation: Callable[[Any], Any], name: str) -> None:
    assert ops(converted(lambda x: fake(activation(conv(fake(x)))), IMAGE)) == [f"CONV_2D+{name}"]


def test_a_quantizer_between_convolution_and_relu_is_dropped() -> None:
    """So that placement must not put one there, wherever a dropout may stand."""
    model = converted(lambda x: fake(tf.nn.relu(fake(conv(fake(x)), -2.0, 2.0)), 0.0, 1.0), IMAGE)
    assert ops(model) == ["CONV_2D+RELU"]


@pytest.mark.parametrize(("bias", "fully_int8"), [(0.0, False), (1e-30, True), (0.5, True)])
def test_a_transposed_convolution_takes_relu_in_only_behind_a_bias(bias: float, fully_int8: bool) -> None:
    """`prepare.biases` gives every one a bias that is not zero."""
    kernel = np.random.default_rng(3).normal(0.0, 0.3, (3, 3, 5, 4)).astype(np.float32)
    values = np.full(5, bias, np.float32)
    model = converted(
        lambda x: fake(tf.nn.relu(tf.nn.bias_add(_transposed(fake(x), tf.constant(kernel)), values))), IMAGE
    )
    assert (ops(model) == ["TRANSPOSE_CONV+RELU"]) is fully_int8
    assert any(tensor.is_float for tensor in model.subgraphs[0].tensors) is not fully_int8
    if fully_int8:
        biases = [tensor for tensor in model.subgraphs[0].tensors if tensor.type == "INT32" and tensor.scale.size]
        assert np.any(biases[0].data) is np.bool_(bias == 0.5)


@pytest.mark.parametrize(("moved", "right"), [(False, False), (True, True)])
def test_defect_a_bias_of_one_value_gets_the_first_channels_code_everywhere(moved: bool, right: bool) -> None:
    """`prepare.biases` moves one entry by a unit in the last place."""
    random = np.random.default_rng(3)
    kernel = (random.normal(0.0, 0.3, (3, 3, 4, 5)) * [0.1, 0.5, 1.0, 2.0, 4.0]).astype(np.float32)
    values = np.full(5, -0.5, np.float32)
    if moved:
        values[0] = np.nextafter(values[0], np.float32(0))
    model = converted(
        lambda x: fake(tf.nn.bias_add(tf.nn.conv2d(fake(x), tf.constant(kernel), 1, "SAME"), values)), IMAGE
    )
    (bias,) = (tensor for tensor in model.subgraphs[0].tensors if tensor.type == "INT32" and tensor.scale.size)
    found = bias.data * bias.scale.astype(np.float64)
    assert bool(np.allclose(found, -0.5, atol=bias.scale.max())) is right
    assert (len(set(bias.data.tolist())) == 5) is right


POOLS = {"MAX_POOL_2D": tf.nn.max_pool2d, "AVERAGE_POOL_2D": tf.nn.avg_pool2d}


@pytest.mark.parametrize("op", POOLS)
def test_a_pool_takes_relu_in_and_keeps_the_scale_of_its_input(op: str) -> None:
    model = converted(lambda x: fake(tf.nn.relu(POOLS[op](fake(x, -3.0, 5.0), 2, 2, "VALID")), 0.0, 1.0), IMAGE)
    graph = model.subgraphs[0]
    assert f"{op}+RELU" in ops(model)
    pool = next(operator for operator in graph.operators if operator.op == op)
    before, after = graph.tensors[pool.inputs[0]], graph.tensors[pool.outputs[0]]
    assert before.scale[0] == after.scale[0] == np.float32(8.0 / 255)
    assert before.zero_point[0] == after.zero_point[0]


def _dilated(value: Any) -> Any:
    kernel = np.random.default_rng(4).normal(0.0, 0.3, (3, 3, 4, 4)).astype(np.float32)
    result = tf.nn.atrous_conv2d_transpose(value, kernel, (1, 6, 6, 4), 2, "SAME")
    return tf.nn.bias_add(result, np.full(4, 0.1, np.float32))


def _transposed_3d(value: Any) -> Any:
    kernel = np.random.default_rng(4).normal(0.0, 0.3, (2, 2, 2, 4, 4)).astype(np.float32)
    return tf.nn.conv3d_transpose(tf.reshape(value, (1, 3, 2, 6, 4)), kernel, (1, 6, 4, 12, 4), 2)


FLOAT = {
    "elu": tf.nn.elu,
    "softplus": tf.math.softplus,
    "selu": tf.nn.selu,
    "add of three": lambda x: tf.add_n([x, conv(x), conv(x)]),
    "dilated transposed convolution": _dilated,
    # LiteRT has an int8 kernel for it.
    "transposed 3-D convolution": _transposed_3d,
}


@pytest.mark.parametrize("name", FLOAT)
def test_what_we_refuse_or_rewrite_would_stay_float_in_silence(name: str) -> None:
    model = converted(lambda x: fake(FLOAT[name](fake(x))), IMAGE)
    assert any(tensor.is_float for tensor in model.subgraphs[0].tensors)


INT8 = {
    "SUB": lambda x: x - fake(conv(x)),
    "MUL": lambda x: x * fake(conv(x)),
    "MAXIMUM": lambda x: tf.maximum(x, fake(conv(x))),
    "MINIMUM": lambda x: tf.minimum(x, fake(conv(x))),
    "GELU": tf.nn.gelu,
    "LEAKY_RELU": tf.nn.leaky_relu,
    "REDUCE_MAX": lambda x: tf.reduce_max(x, [1, 2]),
    "MEAN": lambda x: tf.reduce_mean(x, [1, 2]),
    "RESIZE_BILINEAR": lambda x: tf.image.resize(x, (12, 12)),
}


@pytest.mark.parametrize("op", INT8)
def test_what_we_take_becomes_int8(op: str) -> None:
    model = converted(lambda x: fake(INT8[op](fake(x))), IMAGE)
    assert op in ops(model)
    assert not any(tensor.is_float for tensor in model.subgraphs[0].tensors)


@pytest.mark.parametrize("approximate", [False, True])
def test_gelu_says_in_the_file_which_of_its_two_forms_it_is(approximate: bool) -> None:
    """Of the error function, or of tanh: one table or the other in the kernel (tflite/kernels/activations.cc)."""
    model = converted(lambda x: fake(tf.nn.gelu(fake(x), approximate=approximate)), IMAGE)
    (operator,) = model.subgraphs[0].operators
    assert (operator.op, operator.options["approximate"]) == ("GELU", approximate)


@pytest.mark.parametrize(
    ("function", "scale", "zero_point"),
    [(tf.sigmoid, 1 / 256, -128), (tf.nn.softmax, 1 / 256, -128), (tf.tanh, 1 / 128, 0)],
    ids=["sigmoid", "softmax", "tanh"],
)
def test_fixed_outputs_keep_the_quantizer_that_names_their_parameters(
    function: Callable[[Any], Any], scale: float, zero_point: int
) -> None:
    minimum, maximum = (-128 - zero_point) * scale, (127 - zero_point) * scale
    model = converted(lambda x: fake(function(fake(x)), minimum, maximum), (1, 8))
    (output,) = (model.subgraphs[0].tensors[index] for index in model.subgraphs[0].outputs)
    assert (output.scale[0], output.zero_point[0]) == (np.float32(scale), zero_point)
    assert len(ops(model)) == 1


def _wide(value: Any, maximum: float) -> Any:
    return tf.quantization.fake_quant_with_min_max_vars(value, -maximum, maximum, num_bits=16, narrow_range=True)


@pytest.mark.parametrize("maximum", [4.0, 0.3, 77.7])
def test_fake_quant_of_16_bits_becomes_int16_with_the_scale_of_numerics(maximum: float) -> None:
    kernel = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    model = converted(lambda x: _wide(tf.linalg.matmul(_wide(x, maximum), kernel) + 0.5, 9.0), (1, 6), ends=tf.int16)
    tensors = model.subgraphs[0].tensors
    spec = TensorSpec(num_bits=16, symmetric=True, narrow_range=True)
    params = choose_qparams(-np.float32(maximum), np.float32(maximum), spec)
    (data,) = (tensors[index] for index in model.subgraphs[0].inputs)
    assert (data.type, data.scale[0], data.zero_point[0]) == ("INT16", params.scale, 0)
    # The specification wants int64 here: `litert.trained_weights` puts it in.
    assert [tensor.type for tensor in tensors if "INT" in tensor.type and tensor.shape == (4,)] == ["INT32"]


@pytest.mark.parametrize("function", [tf.sigmoid, tf.nn.softmax, tf.tanh], ids=["sigmoid", "softmax", "tanh"])
def test_defect_an_output_of_a_fixed_scale_is_int8_beside_int16_and_refused(function: Callable[[Any], Any]) -> None:
    with pytest.raises(Exception, match="must have same element type"):
        converted(lambda x: _wide(function(_wide(x, 4.0)), 32767 / 32768), (1, 8), ends=tf.int16)


@pytest.mark.parametrize(("operation", "fully_int8"), [(tf.nn.convolution, False), (tf.nn.conv2d, True)])
def test_defect_two_convolutions_of_one_dilation_behind_one_tensor_stay_float(operation: Any, fully_int8: bool) -> None:
    """Both read one SPACE_TO_BATCH_ND. So the export says `tf.nn.conv2d`, which is one operator."""
    kernels = np.random.default_rng(5).normal(0.0, 0.3, (2, 1, 2, 4, 4)).astype(np.float32)
    bias = np.array([0.1, 0.2, 0.3, 0.4], np.float32)

    def both(value: Any) -> Any:
        value = fake(value)
        results = [operation(value, kernel, 1, "VALID", dilations=(1, 2)) for kernel in kernels]
        return [fake(tf.nn.bias_add(result, bias)) for result in results]

    model = converted(both, (1, 1, 12, 4))
    assert any(tensor.is_float for tensor in model.subgraphs[0].tensors) is not fully_int8


@pytest.mark.parametrize(("used", "always_int8"), [(8, True), (2, False)])
def test_defect_a_split_with_parts_that_nothing_reads_becomes_a_float_island_now_and_then(
    used: int, always_int8: bool
) -> None:
    """34 of 40 conversions of one and the same graph. So the gates of a recurrent cell, not all read, are slices."""

    def gates(value: Any) -> Any:
        parts = tf.split(fake(tf.sigmoid(fake(value)), 0.0, 255 / 256), 8, -1)
        total = parts[0]
        for part in parts[1:used]:
            total = fake(total * part)
        return total

    models = (converted(gates, (1, 16)) for _ in range(8 if always_int8 else 16))
    islands = any(tensor.is_float for model in models for tensor in model.subgraphs[0].tensors)
    assert islands is not always_int8


def test_without_quantizers_and_without_data_int8_is_refused() -> None:
    """So that a model whose quantizers got lost cannot pass: no range is made up."""
    with pytest.raises(ValueError, match=r"inference_input_type and inference_output_type must be tf\.float32"):
        converted(lambda x: tf.nn.relu(conv(x)), IMAGE)


def test_one_missing_quantizer_leaves_a_float_island_in_silence() -> None:
    """Why the certificate, and not the converter, is the judge."""
    model = converted(lambda x: fake(tf.nn.relu(conv(conv(fake(x))))), IMAGE)
    assert any(tensor.is_float for tensor in model.subgraphs[0].tensors)


# TensorFlow's own, of every conversion with a representative dataset.
@pytest.mark.filterwarnings("ignore:Statistics for quantized inputs")
def test_an_lstm_is_whole_and_int8_after_post_training_quantization_alone() -> None:
    shape = (1, 40, 4)
    sequence = tf_keras.Input(batch_shape=shape)
    model = tf_keras.Model(sequence, tf_keras.layers.LSTM(3)(sequence))
    random = np.random.default_rng(0)
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([random.normal(size=shape).astype(np.float32)] for _ in range(4))
    converter.inference_input_type = converter.inference_output_type = tf.int8
    file = converter.convert()
    assert ops(read_model(file)) == ["UNIDIRECTIONAL_SEQUENCE_LSTM+TANH", "STRIDED_SLICE"]
    assert verify(file).passed
