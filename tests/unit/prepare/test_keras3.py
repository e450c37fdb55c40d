"""A Keras 3 model is carried over whole, or refused by the name of what cannot be."""

from __future__ import annotations

import subprocess
import sys

import keras
import numpy as np
import pytest
import tf_keras
from keras import layers

from qat_kit.errors import ModelError, ModelNotBuiltError, UnsupportedLayerError
from qat_kit.prepare import as_tf_keras, prepare


def image_model(*hidden, shape=(9, 8, 3)):
    """Each layer behind the one before it."""
    inputs = value = keras.Input(shape, name="image")
    for layer in hidden:
        value = layer(value)
    return keras.Model(inputs, value, name="net")


def randomize(model):
    """Weights that are nobody's default, so that a lost one shows; variances positive."""
    random = np.random.default_rng(3)
    model.set_weights([random.uniform(0.3, 1.2, weight.shape).astype(np.float32) for weight in model.get_weights()])
    return model


def assert_equal_outputs(before, after):
    samples = np.random.default_rng(5).normal(size=(4, *before.inputs[0].shape[1:])).astype(np.float32)
    expected = np.asarray(before(samples, training=False))
    np.testing.assert_allclose(np.asarray(after(samples, training=False)), expected, atol=1e-5 * np.abs(expected).max())


# Each with arguments that are not the default, so that a dropped one changes the output or its shape.
LAYERS = {
    "conv": lambda: layers.Conv2D(6, (3, 2), strides=2, padding="same", groups=3, activation="relu6"),
    "conv_dilated": lambda: layers.Conv2D(4, 2, dilation_rate=2, use_bias=False),
    "depthwise": lambda: layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same", activation="tanh"),
    "separable": lambda: layers.SeparableConv2D(5, 3, strides=2, depth_multiplier=2),
    "transposed": lambda: layers.Conv2DTranspose(4, 3, strides=2, padding="same", activation="sigmoid"),
    "dense": lambda: layers.Dense(5, activation="gelu", use_bias=False),
    "norm": lambda: layers.BatchNormalization(epsilon=0.2, scale=False),
    "norm_plain": lambda: layers.BatchNormalization(center=False, momentum=0.5),
    "leaky": lambda: layers.LeakyReLU(negative_slope=0.45),
    "relu": lambda: layers.ReLU(max_value=0.7, negative_slope=0.2, threshold=0.1),
    "prelu": lambda: layers.PReLU(shared_axes=[1, 2]),
    "elu": lambda: layers.ELU(alpha=0.3),
    "softmax": lambda: layers.Softmax(axis=1),
    "activation": lambda: layers.Activation("silu"),
    "max_pool": lambda: layers.MaxPooling2D((2, 3), strides=1, padding="same"),
    "average_pool": lambda: layers.AveragePooling2D(3, strides=2, padding="same"),
    "global_average": lambda: layers.GlobalAveragePooling2D(keepdims=True),
    "global_max": lambda: layers.GlobalMaxPooling2D(keepdims=True),
    "pad": lambda: layers.ZeroPadding2D(((1, 0), (2, 3))),
    "crop": lambda: layers.Cropping2D(((1, 0), (2, 3))),
    "upsample": lambda: layers.UpSampling2D((2, 3), interpolation="bilinear"),
    "reshape": lambda: layers.Reshape((6, 36)),
    "permute": lambda: layers.Permute((3, 1, 2)),
    "flatten": lambda: layers.Flatten(),
    "dropout": lambda: layers.Dropout(0.5),
    "layer_norm": lambda: layers.LayerNormalization(axis=(1, 3), epsilon=0.3, center=False),
    "group_norm": lambda: layers.GroupNormalization(groups=3, epsilon=0.2, scale=False),
    "unit_norm": lambda: layers.UnitNormalization(axis=2),
    "einsum_dense": lambda: layers.EinsumDense("bhwc,cd->bdhw", output_shape=(5, 9, 8), bias_axes="d"),
    "normalization": lambda: layers.Normalization(mean=[0.5, 1.0, -1.0], variance=[0.2, 1.0, 3.0]),
    "selu": lambda: layers.Activation("selu"),
    "hard_silu": lambda: layers.Conv2D(3, 2, activation="hard_silu"),
    "hard_sigmoid": lambda: layers.Activation("hard_sigmoid"),
    "mish": lambda: layers.Activation("mish"),
    "leaky_relu": lambda: layers.Dense(4, activation="leaky_relu"),
    "log_softmax": lambda: layers.Activation("log_softmax"),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_is_carried_over_with_all_its_arguments(name):
    model = randomize(image_model(LAYERS[name]()))
    carried = as_tf_keras(model)
    assert isinstance(carried, tf_keras.Model)
    assert carried.output_shape == model.output_shape
    assert [layer.name for layer in carried.layers] == [layer.name for layer in model.layers]
    assert_equal_outputs(model, carried)


def test_what_only_training_sees_is_carried_over_too():
    carried = as_tf_keras(
        image_model(
            layers.Conv2D(4, 3, kernel_regularizer=keras.regularizers.L1L2(0.1, 0.2), trainable=False, name="conv"),
            layers.BatchNormalization(momentum=0.7, name="norm"),
            layers.Dropout(0.4, name="drop"),
        )
    )
    conv = carried.get_layer("conv")
    assert (float(conv.kernel_regularizer.l1), float(conv.kernel_regularizer.l2)) == pytest.approx((0.1, 0.2))
    assert not conv.trainable
    assert carried.get_layer("norm").momentum == 0.7
    assert carried.get_layer("drop").rate == 0.4


def test_branches_nested_models_and_several_outputs():
    inner = keras.Sequential([keras.Input((9, 8, 3)), layers.Conv2D(3, 3, padding="same"), layers.ReLU()], name="inner")
    image = keras.Input((9, 8, 3), name="image")
    joined = layers.Add()([inner(image), image])
    model = keras.Model(image, [layers.Concatenate(axis=1)([joined, image]), layers.Flatten()(joined)])
    carried = as_tf_keras(randomize(model))
    samples = np.random.default_rng(5).normal(size=(4, 9, 8, 3)).astype(np.float32)
    for old, new in zip(model(samples), carried(samples), strict=True):
        np.testing.assert_allclose(np.asarray(new), np.asarray(old), rtol=1e-5, atol=1e-5)


def test_prepare_takes_it():
    model = randomize(image_model(layers.Conv2D(4, 3, use_bias=False), layers.BatchNormalization(), layers.ReLU()))
    assert_equal_outputs(model, prepare(model).model)


def test_a_model_of_tf_keras_is_returned_as_it_is():
    model = tf_keras.Sequential([tf_keras.Input((2,)), tf_keras.layers.Dense(1)])
    assert as_tf_keras(model) is model


class Strange(layers.Layer):
    def call(self, inputs):
        return inputs if float(np.sum(inputs)) > 0.0 else -inputs

    def compute_output_shape(self, input_shape):
        return input_shape


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: image_model(Strange(name="it")), "layer 'it' .Strange.*cannot be traced"),
        (lambda: image_model(lambda x: keras.ops.cumsum(x, 1)), "keras.ops Cumsum"),
        (lambda: image_model(lambda x: keras.ops.image.resize(x, (4, 4), antialias=True)), "antialias=True"),
        (lambda: image_model(layers.Conv2D(2, 3, activation="celu", name="it")), "layer 'it' .* activation 'celu'"),
        (
            lambda: image_model(layers.Dense(2, kernel_constraint="non_neg", name="it")),
            "layer 'it' .*kernel_constraint",
        ),
    ],
)
def test_what_cannot_be_carried_over_is_refused_by_name(make, words):
    with pytest.raises(UnsupportedLayerError, match=words):
        as_tf_keras(make())


def test_a_layer_called_twice_stays_one_layer():
    shared = layers.Conv2D(3, 3, padding="same", name="twice")
    model = randomize(image_model(shared, shared))
    carried = as_tf_keras(model)
    assert [layer.name for layer in carried.layers] == ["image", "twice"]
    assert_equal_outputs(model, carried)


def test_a_nested_model_called_twice():
    inner = keras.Sequential([keras.Input((9, 8, 3)), layers.Conv2D(3, 3, padding="same"), layers.ReLU()], name="inner")
    model = randomize(image_model(inner, inner))
    carried = as_tf_keras(model)
    assert len(carried.weights) == 2
    assert_equal_outputs(model, carried)


def test_recurrent_layers():
    def build(layer):
        return lambda x: layer(keras.ops.reshape(x, (-1, 9, 24)))

    for layer in (layers.LSTM(3, go_backwards=True), layers.GRU(3, return_sequences=True), layers.SimpleRNN(2)):
        model = randomize(image_model(build(layer)))
        assert_equal_outputs(model, as_tf_keras(model))


def test_models_whose_layers_cannot_be_seen():
    class Subclassed(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(2)

        def call(self, inputs):
            return self.dense(inputs)

    model = Subclassed()
    with pytest.raises(ModelError, match=r"no input shape|subclassed"):
        as_tf_keras(model)
    with pytest.raises(ModelNotBuiltError, match="no input shape"):
        as_tf_keras(keras.Sequential([layers.Dense(2)]))


def test_a_file_saved_by_keras3_in_another_process_comes_out_equal(tmp_path):
    script = (
        "import sys, keras, numpy as np; from keras import layers; keras.utils.set_random_seed(4);"
        "model = keras.Sequential([keras.Input((9, 8, 3)), layers.Conv2D(4, 3), layers.BatchNormalization(),"
        "layers.LeakyReLU(negative_slope=0.3), layers.Flatten(), layers.Dense(3, activation='softmax')]);"
        "model.save(sys.argv[1])"
    )
    path = tmp_path / "model.keras"
    subprocess.run([sys.executable, "-c", script, path], check=True, capture_output=True)
    model = keras.models.load_model(path)
    assert_equal_outputs(model, prepare(model).model)
