"""Operations of Keras 3 become layers of tf_keras with all their arguments; none has its default here."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from qat_kit.prepare import as_tf_keras

VALUES = np.random.default_rng(3).normal(size=24).astype(np.float32)
MATRIX = VALUES[:12].reshape(4, 3)

# Of x and y, [batch, 2, 6, 4].
OPERATIONS = {
    "add": lambda x, y: x + y,
    "add_number": lambda x, y: x + 1,
    "number_subtract": lambda x, y: 2.0 - x,
    "multiply_channels": lambda x, y: x * np.float32([1, 2, 3, 4]),
    "plane_subtract": lambda x, y: ops.subtract(VALUES.reshape(6, 4), x),
    "divide": lambda x, y: x / 3.0,
    "maximum": lambda x, y: ops.maximum(x, 0.5),
    "minimum": lambda x, y: ops.minimum(x, y),
    "negative": lambda x, y: -x,
    "power": lambda x, y: x**2,
    "exp": lambda x, y: ops.exp(x),
    "mean": lambda x, y: ops.mean(x, axis=(1, -2), keepdims=True),
    "sum": lambda x, y: ops.sum(x, axis=2),
    "max": lambda x, y: ops.max(x, axis=-1),
    "variance": lambda x, y: ops.var(x, axis=2, keepdims=True),
    "deviation": lambda x, y: ops.std(x, axis=1),
    "relu6": lambda x, y: ops.relu6(9 * x),
    "relu_arguments": lambda x, y: keras.activations.relu(x, negative_slope=0.2, max_value=0.8, threshold=0.1),
    "leaky_relu": lambda x, y: ops.leaky_relu(x, negative_slope=0.4),
    "elu": lambda x, y: ops.elu(x, alpha=0.6),
    "gelu": lambda x, y: ops.gelu(x, approximate=False),
    "gelu_approximate": lambda x, y: ops.gelu(x, approximate=True),
    "silu": lambda x, y: ops.silu(x),
    "hard_sigmoid": lambda x, y: ops.hard_sigmoid(3 * x),
    "hard_silu": lambda x, y: ops.hard_silu(3 * x),
    "softmax": lambda x, y: ops.softmax(x, axis=2),
    "clip": lambda x, y: ops.clip(x, -0.4, 0.3),
    "reshape": lambda x, y: ops.reshape(x, (-1, 3, 16)),
    "transpose": lambda x, y: ops.transpose(x, (0, 3, 1, 2)),
    "swap_axes": lambda x, y: ops.swapaxes(x, 1, -1),
    "move_axis": lambda x, y: ops.moveaxis(x, 1, -1),
    "expand_dims": lambda x, y: ops.expand_dims(x, -2),
    "squeeze": lambda x, y: ops.squeeze(x[:, :, :1], axis=2),
    "cast": lambda x, y: ops.cast(x, "float32") + y,
    "concatenate": lambda x, y: ops.concatenate([x, y], axis=-2),
    "stack": lambda x, y: ops.stack([x, y], axis=2),
    "tile": lambda x, y: ops.tile(x, (1, 2, 1, 3)),
    "repeat": lambda x, y: ops.repeat(x, 2, axis=2),
    "flip": lambda x, y: ops.flip(x, axis=2),
    "roll": lambda x, y: ops.roll(x, 2, axis=2),
    "pad": lambda x, y: ops.pad(x, ((0, 0), (1, 0), (0, 2), (0, 0)), constant_values=1.5),
    "pad_reflect": lambda x, y: ops.pad(x, ((0, 0), (1, 0), (0, 2), (0, 0)), mode="reflect"),
    "slice": lambda x, y: x[:, 1:, ::2, :-1],
    "index": lambda x, y: x[:, -1, None, ..., 2],
    "split": lambda x, y: ops.subtract(*ops.split(x, 2, axis=-1)),
    "split_at": lambda x, y: ops.split(x, [1, 3], axis=2)[1],
    "unstack": lambda x, y: ops.unstack(x, axis=2)[4],
    "take": lambda x, y: ops.take(x, [3, 0, 0], axis=-1),
    "matmul": lambda x, y: ops.matmul(x, ops.swapaxes(y, 2, 3)),
    "matmul_constant": lambda x, y: ops.matmul(x, MATRIX),
    "einsum": lambda x, y: ops.einsum("bhqd,bhkd->bkq", x, y),
    "tensordot": lambda x, y: ops.tensordot(x, MATRIX, axes=1),
    "resize": lambda x, y: ops.image.resize(x, (4, 9), interpolation="nearest"),
    "max_pool": lambda x, y: ops.max_pool(x, (1, 2), strides=1, padding="same"),
    "average_pool": lambda x, y: ops.average_pool(x, 2, strides=(1, 2), padding="same"),
    "conv": lambda x, y: ops.conv(x, VALUES.reshape(1, 3, 4, 2), strides=(1, 2), padding="same"),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_becomes_layers_with_all_its_arguments(name):
    x, y = keras.Input((2, 6, 4), name="x"), keras.Input((2, 6, 4), name="y")
    model = keras.Model([x, y], OPERATIONS[name](x, y))
    inputs = [np.random.default_rng(seed).normal(size=(3, 2, 6, 4)).astype(np.float32) for seed in (1, 2)]
    expected = np.asarray(model(inputs))
    found = np.asarray(as_tf_keras(model)(inputs))
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
