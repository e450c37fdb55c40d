"""`qat_kit.quantize` as a notebook uses it."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from tf_keras import layers

import qat_kit
from qat_kit.errors import DataError, ModelError, ModelNotBuiltError, OutputError, SchemeError, UnsupportedLayerError

QUICK = {"qat_epochs": 1, "num_latency_runs": 5}


@pytest.fixture(scope="module")
def blobs():
    """Three well separated classes of 8×8×2 images."""
    random = np.random.default_rng(7)
    labels = np.arange(120) % 3
    images = random.normal(size=(120, 8, 8, 2)) * 0.3 + labels[:, None, None, None]
    return images.astype(np.float32), labels


def classifier(*, last="softmax", units=3):
    tf_keras.utils.set_random_seed(0)
    return tf_keras.Sequential(
        [
            tf_keras.Input((8, 8, 2), name="image"),
            layers.Conv2D(4, 3, name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.ReLU(name="relu"),
            layers.GlobalAveragePooling2D(name="mean"),
            layers.Dense(units, activation=last, name="scores"),
        ],
        name="blobs",
    )


def test_a_trained_model_in_a_proven_file_out(blobs, tmp_path):
    images, labels = blobs
    model = classifier()
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(images, labels, epochs=3, verbose=0)
    before = [weight.copy() for weight in model.get_weights()]
    result = qat_kit.quantize(
        model,
        train_data=tf.data.Dataset.from_tensor_slices((images, tf.one_hot(labels, 3))).batch(16),
        validation_data=(images, labels),
        class_names=("a", "b", "c"),
        out=tmp_path / "run",
        **QUICK,
    )
    assert result.certificate.passed
    assert result.artifact.path == tmp_path / "run" / "model.tflite"
    assert result.artifact.manifest.class_names == ("a", "b", "c")
    assert result.artifact.manifest.scores == "probabilities"
    assert len(result.artifact.manifest.calibration.indices) == 120
    assert result.measurement["int8_tflite"].quality.num_samples == 120
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    with pytest.raises(OutputError, match="another text"):
        qat_kit.quantize(
            classifier(units=4), train_data=blobs, validation_data=blobs, out=tmp_path / "run", class_names=(), **QUICK
        )


def test_one_output_is_two_classes_and_numbers_are_regression(blobs):
    images, labels = blobs
    binary = qat_kit.quantize(
        classifier(last="sigmoid", units=1),
        train_data=(images, labels == 0),
        validation_data=(images, labels == 0),
        **QUICK,
    )
    assert binary.certificate.passed
    assert binary.measurement["int8_tflite"].quality.accuracy is not None
    regression = qat_kit.quantize(
        classifier(last=None, units=1),
        train_data=(images, labels.astype(np.float32)),
        validation_data=(images, labels.astype(np.float32)),
        **QUICK,
    )
    assert regression.certificate.passed
    assert regression.artifact.manifest.task == "regression"
    assert regression.measurement["int8_tflite"].quality.mean_squared_error >= 0


def test_a_keras3_model_goes_in(blobs):
    import keras as keras3

    keras3.utils.set_random_seed(0)
    model = keras3.Sequential(
        [
            keras3.Input((8, 8, 2), name="image"),
            keras3.layers.Conv2D(4, 3, name="conv"),
            keras3.layers.BatchNormalization(name="norm"),
            keras3.layers.LeakyReLU(negative_slope=0.1, name="bend"),
            keras3.layers.GlobalAveragePooling2D(name="mean"),
            keras3.layers.Dense(3, activation="softmax", name="scores"),
        ]
    )
    result = qat_kit.quantize(model, train_data=blobs, validation_data=blobs, **QUICK)
    assert result.certificate.passed
    assert result.artifact.manifest.scores == "probabilities"


def test_two_inputs_by_name(blobs):
    images, labels = blobs
    first, second = tf_keras.Input((8, 8, 2), name="first"), tf_keras.Input((5,), name="second")
    joined = layers.Concatenate()([layers.Flatten()(first), layers.Dense(4, activation="relu")(second)])
    model = tf_keras.Model([first, second], layers.Dense(3)(joined), name="two")
    inputs = {"second": np.ones((120, 5)), "first": images}  # not in the model's order
    result = qat_kit.quantize(model, train_data=(inputs, labels), validation_data=(inputs, labels), **QUICK)
    assert result.certificate.passed
    with pytest.raises(DataError, match=r"\['first', 'third'\]"):
        qat_kit.quantize(
            model, train_data=({"first": images, "third": images}, labels), validation_data=(inputs, labels), **QUICK
        )


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (lambda images: np.zeros((0, 8, 8, 2)), "calibration data is empty"),
        (lambda images: images[:, :4], r"samples of shape \[4, 8, 2\], input 'image' of the model takes \[8, 8, 2\]"),
        (lambda images: np.where(np.arange(120)[:, None, None, None] == 7, np.nan, images), "first at sample 7"),
        (lambda images: np.full((3, 8, 8, 2), np.inf), "NaN or infinity"),
        (lambda images: np.full((3, 8, 8, 2), "x"), "must hold numbers, received dtype <U1"),
        (lambda images: lambda: ([image[None]] for image in images[:5]), "asked for 20 .* yields 5"),
        (lambda images: lambda: iter(()), "yields nothing"),
        (lambda images: iter([[images[:2]], [images[:2, :4]]]), "must not change"),
    ],
)
def test_calibration_data_that_cannot_be_used(blobs, tmp_path, data, words):
    images, _ = blobs
    given = data(images)
    count = 20 if "asked" in words else None
    with pytest.raises(DataError, match=words):
        qat_kit.quantize(
            classifier(),
            train_data=blobs,
            validation_data=blobs,
            calibration_data=given,
            calibration_samples=count,
            out=tmp_path / "run",
            **QUICK,
        )
    assert not (tmp_path / "run" / "model.tflite").exists()


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.full(120, 3), "label 3 of sample 0 is out of range; the model has 3 classes"),
        (np.full(120, -1), "label -1"),
        (np.zeros(119, int), "different counts"),
        (np.array(["a"] * 120), "labels must be numbers"),
    ],
)
def test_labels_that_cannot_be(blobs, labels, words):
    with pytest.raises(DataError, match=words):
        qat_kit.quantize(
            classifier(), train_data=(blobs[0], labels), validation_data=blobs, task="classification", **QUICK
        )


def test_more_calibration_samples_than_there_are(blobs):
    with pytest.raises(DataError, match=r"asked for 500 calibration samples, .* yields 120"):
        qat_kit.quantize(classifier(), train_data=blobs, validation_data=blobs, calibration_samples=500, **QUICK)


def test_models_that_cannot_be(blobs):
    import keras as keras3

    def attempt(model, **changes):
        return qat_kit.quantize(model, train_data=blobs, validation_data=blobs, **{**QUICK, **changes})

    with pytest.raises(ModelNotBuiltError, match="no input shape"):
        attempt(tf_keras.Sequential([layers.Dense(3)]))
    with pytest.raises(ModelNotBuiltError, match="no input shape"):
        attempt(keras3.Sequential([keras3.layers.Dense(3)]))
    with pytest.raises(
        ModelError, match=r"expected a model of tf_keras or Keras 3, or the path of one, received builtins\.dict"
    ):
        attempt({})
    image = tf_keras.Input((8, 8, 2))
    flat = layers.Flatten()(image)
    strange = tf_keras.Model(image, layers.Dense(3)(layers.Discretization([0.0], name="strange")(flat)))
    with pytest.raises(UnsupportedLayerError, match="layer 'strange'"):
        attempt(strange)
    with pytest.raises(SchemeError, match="'fp16' cannot be trained"):
        attempt(classifier(), scheme="fp16")
    two_outputs = tf_keras.Model(image, [layers.Dense(3)(flat), layers.Dense(2)(flat)])
    with pytest.raises(DataError, match=r"the model has the outputs .* give labels for each"):
        attempt(two_outputs)
