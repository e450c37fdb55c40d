"""Models of other number types go in as float32; integers that are no numbers and broken weights are refused."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from tf_keras import layers

from qat_kit.errors import ModelError, UnsupportedLayerError
from qat_kit.prepare import prepare, take_model
from tests.support.models import randomized


def image_model(kit, policy, *, dtype="float32"):
    """A convolution, batch norm, an operation and a head in float32, under a dtype policy."""
    image = kit.Input((6, 5, 3), name="image", dtype=dtype)
    value = kit.layers.Conv2D(4, 3, dtype=policy, name="conv")(image)
    value = kit.layers.BatchNormalization(dtype=policy)(value)
    value = kit.layers.TimeDistributed(kit.layers.Dense(3, dtype=policy), dtype=policy)(value + 0.5)
    value = kit.layers.Flatten(dtype=policy)(value)
    return kit.Model(image, kit.layers.Dense(3, activation="softmax", dtype="float32")(value), name="net")


SAMPLES = np.random.default_rng(3).normal(size=(3, 6, 5, 3)).astype(np.float32)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16", "float64"])
@pytest.mark.parametrize("kit", [tf_keras, keras])
def test_a_model_of_another_policy_is_taken_in_float32(kit, policy) -> None:
    input_dtype = policy if policy in ("float16", "float64") else "float32"
    model = image_model(kit, policy, dtype=input_dtype)
    before = [np.asarray(weight).copy() for weight in model.get_weights()]
    taken = take_model(model)
    assert {layer.compute_dtype for layer in taken.layers} == {"float32"}
    assert {weight.dtype.name for weight in taken.weights} == {"float32"}
    assert taken.inputs[0].dtype == tf.float32
    tolerance = 1e-6 if policy == "float64" else 2e-2
    np.testing.assert_allclose(taken(SAMPLES), np.asarray(model(SAMPLES), np.float32), atol=tolerance)
    np.testing.assert_allclose(prepare(model).model(SAMPLES), taken(SAMPLES), atol=1e-6)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, np.asarray(new))


def test_a_model_in_float32_is_returned_as_it_is() -> None:
    model = image_model(tf_keras, "float32")
    assert take_model(model) is model


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("kit", [tf_keras, keras])
def test_broken_weights_are_refused_by_name(kit, value) -> None:
    model = image_model(kit, "float32")
    kernel = model.get_layer("conv").kernel
    broken = kernel.numpy().copy()
    broken[1, 1, 0, 2] = value
    kernel.assign(broken)
    with pytest.raises(ModelError, match=r"layer 'conv': weight '.*kernel.*' holds NaN or infinity"):
        take_model(model)


@pytest.mark.parametrize(
    "build",
    [
        lambda x: layers.Conv2D(2, 3)(layers.Rescaling(1 / 127.5, offset=-1.0)(x)),
        lambda x: layers.Conv2D(2, 3)(layers.Normalization(mean=[1.0, 2.0, 3.0], variance=[4.0, 5.0, 6.0])(x)),
        lambda x: layers.Conv2D(2, 3)(tf.cast(x, tf.float32) / 255.0),
    ],
)
def test_bytes_of_an_image_become_real_numbers(build) -> None:
    image = tf_keras.Input((6, 5, 3), name="image", dtype="uint8")
    model = randomized(tf_keras.Model(image, build(image)))
    prepared = prepare(model).model
    assert [tensor.dtype for tensor in prepared.inputs] == [tf.float32]
    samples = np.random.default_rng(3).integers(0, 256, (3, 6, 5, 3)).astype(np.uint8)
    expected = model(samples).numpy()
    np.testing.assert_allclose(prepared(samples.astype(np.float32)), expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("dtype", "build", "words"),
    [
        ("int32", lambda x: layers.Flatten(name="flat")(x), r"'image' .Input of int32.*Layer 'flat' .Flatten"),
        ("int32", lambda x: layers.Rescaling(0.5, name="scale")(x), r"'image' .Input of int32.*'scale'.*Embedding"),
        ("bool", lambda x: tf.cast(x, tf.float32), r"'image' .Input of bool"),
    ],
)
def test_integers_that_something_else_reads_are_refused(dtype, build, words) -> None:
    image = tf_keras.Input((6, 5, 3), name="image", dtype=dtype)
    with pytest.raises(UnsupportedLayerError, match=words):
        prepare(tf_keras.Model(image, build(image)))


def test_an_input_without_an_axis_is_refused() -> None:
    number = tf_keras.Input((), name="number")
    with pytest.raises(UnsupportedLayerError, match=r"'number' .Input of shape \[None\].*Input\(\(1,\)\)"):
        prepare(tf_keras.Model(number, layers.Dense(2)(tf.expand_dims(number, -1))))
