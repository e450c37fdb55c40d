"""A model with channels first goes in with its inputs as they are, and computes what one with channels last does."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tf_keras

from qat_kit.prepare import prepare, take_model

SAMPLES = np.random.default_rng(3).normal(size=(2, 3, 9, 8)).astype(np.float32)


def net(kit, order, head):
    """The same network in either order; head: what is behind its convolutions."""
    layers = kit.layers
    first = order == "channels_first"
    axis = 1 if first else 3
    image = kit.Input((3, 9, 8) if first else (9, 8, 3), name="image")
    value = layers.ZeroPadding2D(((1, 0), (0, 2)), data_format=order)(image)
    value = layers.Conv2D(6, (3, 2), strides=(2, 1), data_format=order, name="conv")(value)
    value = layers.BatchNormalization(axis=axis)(value)
    value = layers.ReLU()(value)
    side = layers.DepthwiseConv2D(3, padding="same", data_format=order)(value)
    value = layers.Concatenate(axis=axis)([layers.Add()([side, value]), value])
    value = layers.Conv2DTranspose(4, 2, strides=2, data_format=order)(value)
    value = layers.Cropping2D(((1, 0), (0, 1)), data_format=order)(value)
    value = layers.MaxPooling2D((2, 1), data_format=order)(value)
    value = layers.UpSampling2D((1, 2), data_format=order)(value)
    value = layers.AveragePooling2D((1, 3), data_format=order)(value)
    if head == "global":
        value = layers.Dense(3, name="scores")(layers.GlobalAveragePooling2D(data_format=order)(value))
    elif head == "flatten":
        value = layers.Dense(3, name="scores")(layers.Flatten(data_format=order)(value))
    return kit.Model(image, value, name="net")


@pytest.mark.parametrize("head", ["global", "flatten", "image"])
@pytest.mark.parametrize("kit", [tf_keras, keras])
def test_a_model_with_channels_first(kit, head) -> None:
    model, twin = net(kit, "channels_first", head), net(tf_keras, "channels_last", head)
    random = np.random.default_rng(4)
    weights = [random.uniform(0.2, 1.0, weight.shape).astype(np.float32) for weight in model.get_weights()]
    model.set_weights(weights)
    twin.set_weights(weights)
    expected = twin(SAMPLES.transpose(0, 2, 3, 1)).numpy()
    expected = expected.transpose(0, 3, 1, 2) if head == "image" else expected
    taken = take_model(model)
    assert taken.input_shape == (None, 3, 9, 8)
    assert sum(type(layer).__name__ == "Permute" for layer in taken.layers) == (2 if head == "image" else 1)
    np.testing.assert_allclose(taken(SAMPLES), expected, rtol=1e-4)
    np.testing.assert_allclose(prepare(model).model(SAMPLES), expected, rtol=1e-4)


def test_a_flatten_of_its_own_order_and_a_softmax_run_in_the_models_layout() -> None:
    def build(order):
        first = order == "channels_first"
        image = tf_keras.Input((3, 9, 8) if first else (9, 8, 3), name="image")
        value = tf_keras.layers.Conv2D(4, 3, data_format=order)(image)
        value = value if first else tf_keras.layers.Permute((3, 1, 2))(value)
        return tf_keras.Model(image, tf_keras.layers.Flatten()(tf_keras.layers.Activation("softmax")(value)))

    model, twin = build("channels_first"), build("channels_last")
    twin.set_weights(model.get_weights())
    np.testing.assert_allclose(take_model(model)(SAMPLES), twin(SAMPLES.transpose(0, 2, 3, 1)), atol=1e-5)
