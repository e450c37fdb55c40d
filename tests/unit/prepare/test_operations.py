"""Each operation becomes layers with all its arguments, or is refused by name.

`prepare` proves the outputs equal in float64; here they are compared once more, on inputs that no rewrite saw, and each
argument has a value that is not its default: a dropped one changes the output or its shape.
"""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from qat_kit.errors import UnsupportedLayerError
from qat_kit.prepare.building import build_model
from qat_kit.prepare.operations import replace_operations
from qat_kit.prepare.operations.rewrite import _defaults
from qat_kit.prepare.operations.tensorflow import TENSORFLOW
from qat_kit.prepare.reading import read_graph
from qat_kit.prepare.static_shapes import replace_static_shapes

VALUES = np.random.default_rng(3).normal(size=24).astype(np.float32)
CHANNELS = np.float32([0.5, -1.5, 2.0, 3.0])
PLANE = VALUES.reshape(6, 4)
MATRIX = VALUES[:12].reshape(4, 3)

# Of x and y, [batch, 2, 6, 4].
OPERATIONS = {
    "add": lambda x, y: x + y,
    "add_number": lambda x, y: x + 1.5,
    "number_add": lambda x, y: 1.5 + x,
    "add_channels": lambda x, y: x + CHANNELS,
    "add_plane": lambda x, y: x + PLANE,
    "add_batched_constant": lambda x, y: tf.add(x, PLANE[None, None]),
    "subtract": lambda x, y: x - y,
    "subtract_number": lambda x, y: x - 2.0,
    "number_subtract": lambda x, y: 2.0 - x,
    "plane_subtract": lambda x, y: PLANE - x,
    "multiply": lambda x, y: x * y,
    "multiply_number": lambda x, y: x * 3,
    "multiply_tensor": lambda x, y: tf.constant(2.0) * x,
    "multiply_variable": lambda x, y: tf.multiply(x, tf.constant(CHANNELS)),
    "multiply_broadcast": lambda x, y: x * y[:, :1, :, 2:3],
    "scalar_mul": lambda x, y: tf.math.scalar_mul(3.0, x),
    "divide_number": lambda x, y: x / 4,
    "divide_channels": lambda x, y: x / CHANNELS,
    "divide_by_root": lambda x, y: x / tf.sqrt(tf.reduce_mean(tf.square(y), -1, keepdims=True) + 1.0),
    "maximum": lambda x, y: tf.maximum(x, y),
    "maximum_zero": lambda x, y: tf.maximum(x, 0.0),
    "maximum_number": lambda x, y: tf.maximum(0.5, x),
    "minimum_number": lambda x, y: tf.minimum(x, 0.25),
    "negative": lambda x, y: -x,
    "power": lambda x, y: x**3,
    "root": lambda x, y: (x * x) ** 0.5,
    "rsqrt": lambda x, y: tf.math.rsqrt(x * x + 1.0),
    "exp": lambda x, y: tf.exp(x),
    "abs": lambda x, y: abs(x),
    "add_n": lambda x, y: tf.add_n([x, y, x]),
    "squared_difference": lambda x, y: tf.math.squared_difference(x, y),
    "bias_add": lambda x, y: tf.nn.bias_add(x, CHANNELS),
    "batch_normalization": lambda x, y: tf.nn.batch_normalization(x, CHANNELS, CHANNELS**2, CHANNELS, CHANNELS, 0.1),
    "relu": lambda x, y: tf.nn.relu(x),
    "relu6": lambda x, y: tf.nn.relu6(x * 9.0),
    "leaky_relu": lambda x, y: tf.nn.leaky_relu(x, alpha=0.4),
    "elu": lambda x, y: tf.nn.elu(x),
    "selu": lambda x, y: tf.nn.selu(x),
    "softplus": lambda x, y: tf.nn.softplus(x),
    "sigmoid": lambda x, y: tf.sigmoid(x),
    "tanh": lambda x, y: tf.tanh(x),
    "softmax": lambda x, y: tf.nn.softmax(x, axis=2),
    "log_softmax": lambda x, y: tf.nn.log_softmax(x),
    "gelu": lambda x, y: tf.nn.gelu(x),
    "gelu_approximate": lambda x, y: tf.nn.gelu(x, approximate=True),
    "silu": lambda x, y: tf.nn.silu(x),
    "silu_beta": lambda x, y: tf.nn.silu(x, beta=1.7),
    "clip": lambda x, y: tf.clip_by_value(x, 0, 0.5),
    "clip_around": lambda x, y: tf.clip_by_value(x, -0.3, 0.5),
    "hard_sigmoid": lambda x, y: tf_keras.activations.hard_sigmoid(x),
    "mean": lambda x, y: tf.reduce_mean(x, [1, -2]),
    "mean_keepdims": lambda x, y: tf.reduce_mean(x, -1, keepdims=True),
    "sum": lambda x, y: tf.reduce_sum(x, axis=2),
    "max": lambda x, y: tf.reduce_max(x, axis=[1, 2], keepdims=True),
    "min": lambda x, y: tf.reduce_min(x, axis=1),
    "variance": lambda x, y: tf.math.reduce_variance(x, axis=-1, keepdims=True),
    "deviation": lambda x, y: tf.math.reduce_std(x, axis=[1, 2]),
    "moments": lambda x, y: tf.add(*tf.nn.moments(x, [1, 2], keepdims=True)),
    "moments_second": lambda x, y: tf.nn.moments(x, [2])[1],
    "l2_normalize": lambda x, y: tf.math.l2_normalize(x, axis=2),
    "backend_mean": lambda x, y: tf_keras.backend.mean(x, axis=1),
    "reshape": lambda x, y: tf.reshape(x, (-1, 12, 4)),
    "reshape_batch_unknown_size": lambda x, y: tf.reshape(x, (tf.shape(x)[0], 3, -1)),
    "reshape_computed": lambda x, y: tf.reshape(x, tf.stack([tf.shape(x)[0], tf.shape(x)[1] * tf.shape(x)[2], 4])),
    "transpose": lambda x, y: tf.transpose(x, [0, 3, 1, 2]),
    "matrix_transpose": lambda x, y: tf.linalg.matrix_transpose(x),
    "expand_dims": lambda x, y: tf.expand_dims(x, 2),
    "expand_dims_last": lambda x, y: tf.expand_dims(x, -1),
    "squeeze": lambda x, y: tf.squeeze(x[:, :, 2:3], 2),
    "identity": lambda x, y: tf.identity(tf.stop_gradient(x)),
    "cast": lambda x, y: tf.cast(x, tf.float32) + y,
    "concat": lambda x, y: tf.concat([x, y, x], -2),
    "stack": lambda x, y: tf.stack([x, y], axis=2),
    "tile": lambda x, y: tf.tile(x, [1, 2, 1, 3]),
    "repeat": lambda x, y: tf.repeat(x, 3, axis=2),
    "broadcast_to": lambda x, y: tf.broadcast_to(x[:, :1], (tf.shape(x)[0], 5, 6, 4)),
    "pad": lambda x, y: tf.pad(x, [[0, 0], [1, 0], [2, 3], [0, 0]]),
    "pad_channels": lambda x, y: tf.pad(x, [[0, 0], [1, 0], [0, 0], [0, 2]]),
    "pad_value": lambda x, y: tf.pad(x, [[0, 0], [1, 0], [0, 0], [0, 0]], constant_values=2.5),
    "pad_reflect": lambda x, y: tf.pad(x, [[0, 0], [1, 0], [2, 3], [0, 0]], mode="REFLECT"),
    "pad_symmetric": lambda x, y: tf.pad(x, [[0, 0], [0, 2], [2, 3], [0, 0]], "SYMMETRIC"),
    "reverse": lambda x, y: tf.reverse(x, [-2, 1]),
    "roll": lambda x, y: tf.roll(x, [2, -1], [2, 3]),
    "depth_to_space": lambda x, y: tf.nn.depth_to_space(x, 2),
    "space_to_depth": lambda x, y: tf.nn.space_to_depth(x, 2),
    "slice": lambda x, y: x[:, 1:, ::2, :-1],
    "index": lambda x, y: x[:, 1],
    "index_last": lambda x, y: x[..., -1],
    "new_axes": lambda x, y: x[:, None, 0, ..., None],
    "slice_backwards": lambda x, y: x[:, :, ::-1],
    "slice_function": lambda x, y: tf.slice(x, [0, 0, 2, 1], [-1, 2, 3, -1]),
    "split": lambda x, y: tf.subtract(*tf.split(x, 2, axis=-1)),
    "split_sizes": lambda x, y: tf.split(x, [1, 2, -1], axis=2)[1],
    "unstack": lambda x, y: tf.subtract(*tf.unstack(x, axis=1)),
    "gather": lambda x, y: tf.gather(x, [3, 0, 0], axis=-1),
    "gather_row": lambda x, y: tf.gather(x, 2, axis=2),
    "gather_table": lambda x, y: tf.gather(x, [[0, 2], [4, 1]], axis=2),
    "gather_stride": lambda x, y: tf.gather(x, [4, 2, 0], axis=2),
    "matmul": lambda x, y: tf.matmul(x, y, transpose_b=True),
    "matmul_first_transposed": lambda x, y: tf.matmul(x, y, transpose_a=True),
    "matmul_constant": lambda x, y: tf.matmul(x[:, 0], MATRIX),
    "matmul_constant_transposed": lambda x, y: tf.matmul(x[:, 0], MATRIX.T, transpose_b=True),
    "constant_matmul": lambda x, y: tf.matmul(VALUES[:18].reshape(1, 3, 6), x[:, 0]),
    "tensordot": lambda x, y: tf.tensordot(x, MATRIX, 1),
    "tensordot_axes": lambda x, y: tf.tensordot(x, PLANE, [[3, 2], [1, 0]]),
    "einsum_constant": lambda x, y: tf.einsum("bhwc,cd->bdhw", x, MATRIX),
    "constant_einsum": lambda x, y: tf.einsum("cd,bhwc->bhwd", MATRIX, x),
    "einsum_scores": lambda x, y: tf.einsum("bhqd,bhkd->bhqk", x, y),
    "einsum_mixed": lambda x, y: tf.einsum("bhqd,bhkd->bkq", x, y),
    "einsum_outer": lambda x, y: tf.einsum("bi,bj->bij", x[:, 0, :, 1], y[:, 1, 2]),
    "einsum_summed": lambda x, y: tf.einsum("bhqd,bk->bkq", x, y[:, 0, 0]),
    "resize": lambda x, y: tf.image.resize(x, (4, 9)),
    "resize_nearest": lambda x, y: tf.image.resize(x, (4, 12), method="nearest"),
    "average_pool": lambda x, y: tf.nn.avg_pool2d(x, 2, (1, 2), "SAME"),
    "max_pool": lambda x, y: tf.nn.max_pool2d(x, (2, 3), 1, "VALID"),
    "conv": lambda x, y: tf.nn.conv2d(x, VALUES.reshape(1, 3, 2, 4), [1, 1, 2, 1], "SAME"),
    "conv_dilated": lambda x, y: tf.nn.conv2d(x, VALUES.reshape(1, 2, 4, 3), 1, "VALID", dilations=[1, 3]),
}


def model_of(operation):
    x, y = tf_keras.Input((2, 6, 4), name="x"), tf_keras.Input((2, 6, 4), name="y")
    return tf_keras.Model([x, y], operation(x, y))


def lowered(model):
    return build_model(replace_operations(replace_static_shapes(read_graph(model))))


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_becomes_layers_with_all_its_arguments(name):
    model = model_of(OPERATIONS[name])
    layers = lowered(model)
    assert not [layer.name for layer in layers.layers if "OpLambda" in type(layer).__name__]
    inputs = [np.random.default_rng(seed).normal(size=(3, 2, 6, 4)).astype(np.float32) for seed in (1, 2)]
    # All inputs stay, also where the operation takes one.
    expected = np.asarray(model(inputs))
    found = np.asarray(layers(inputs))
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


REFUSED = {
    "squeeze_all": (lambda x, y: tf.squeeze(x[:, 1:, 2:3]), "how many axes"),
    "cumsum": (lambda x, y: tf.cumsum(x, 1), r"tf\.math\.cumsum"),
    "divide": (lambda x, y: x / y, "DIV stops at a divisor"),
    "number_divide": (lambda x, y: 2.0 / x, "DIV stops at a divisor"),
    "mean_of_all": (lambda x, y: tf.reduce_mean(x), "batch"),
    "transpose_batch": (lambda x, y: tf.transpose(x, [1, 0, 2, 3]), "moves the batch"),
    "reshape_batch": (lambda x, y: tf.reshape(x, (-1, 4)), "does not keep the batch"),
    "reshape_computed_batch": (lambda x, y: tf.reshape(x, (tf.shape(x)[0] * 2, 6, 4)), "batch"),
    "slice_of_batch": (lambda x, y: x[1:], "part of the batch"),
    "masked_argument": (lambda x, y: tf.image.resize(x, (4, 4), antialias=True), "antialias=True"),
    "cast_to_integers": (lambda x, y: tf.cast(tf.cast(x, tf.int32), tf.float32), "int32"),
    "gather_batch_dims": (lambda x, y: tf.gather(x, [[0, 1]], axis=2, batch_dims=1), "batch_dims"),
    "power": (lambda x, y: x**5, "exponent is 5"),
    "ranks": (lambda x, y: x + y[:, 0], "same number of axes"),
    "channels_first": (lambda x, y: tf.nn.max_pool2d(x, 2, 1, "SAME", data_format="NCHW"), "channels last"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_layer_is_refused_by_name(name):
    operation, words = REFUSED[name]
    with pytest.raises(UnsupportedLayerError, match=words):
        lowered(model_of(operation))


@pytest.mark.parametrize("symbol", TENSORFLOW)
def test_the_table_and_tensorflow_agree_on_names_and_defaults(symbol):
    theirs = _defaults(symbol)
    for name, default in TENSORFLOW[symbol].parameters().items():
        if name in ("adjoint_a", "adjoint_b", "num", "negative_slope"):
            continue
        name = name.removeprefix("*")
        if name not in theirs:
            # A parameter that only the other generation has; TensorFlow's call never names it.
            assert default is not inspect.Parameter.empty, name
            continue
        if default not in (inspect.Parameter.empty, None, 1, "valid"):
            assert theirs[name] == default, name
