"""Mistakes that people make with TensorFlow's own tools: the layer is named as they named it, and what to do."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from tf_keras import layers

from qat_kit.results import Finding
from qat_kit.simulation import tfmot  # noqa: F401  # imports it without harm to Keras
from qat_kit.verify import verify


def converted(model: tf_keras.Model, *, representative: bool = False, int8_ends: bool = True) -> bytes:
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if int8_ends:
        converter.inference_input_type = converter.inference_output_type = tf.int8
    if representative:
        random = np.random.default_rng(0)
        shape = (1, *model.input_shape[1:])
        converter.representative_dataset = lambda: ([random.normal(size=shape).astype("float32")] for _ in range(4))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Statistics for quantized inputs")
        return bytes(converter.convert())


def first_findings(data: bytes, model: tf_keras.Model, check: str) -> dict[str, Finding]:
    """Operator → the check's first finding about it. With the layers' names and without them it is the same layer."""
    told, guessed = (
        next(each for each in verify(data, layers=names).checks if each.name == check).findings
        for names in ([layer.name for layer in model.layers], ())
    )
    assert [finding.layer for finding in told] == [finding.layer for finding in guessed]
    return {finding.op or "": finding for finding in reversed(told)}


def tfmot_trained(model: tf_keras.Model) -> tf_keras.Model:
    import tensorflow_model_optimization

    return tensorflow_model_optimization.quantization.keras.quantize_model(model)


def test_tfmot_leaves_a_dense_layer_with_batch_norm_float() -> None:
    model = tf_keras.Sequential(
        [
            tf_keras.Input((8,)),
            layers.Dense(6, name="encode"),
            layers.BatchNormalization(name="encode_norm"),
            layers.ReLU(name="encode_relu"),
            layers.Dense(3, name="decode"),
        ],
        name="autoencoder",
    )
    data = converted(tfmot_trained(model))
    found = first_findings(data, model, "no float op")
    assert found["FULLY_CONNECTED"].layer == "encode"
    assert "batch norm folded" in found["FULLY_CONNECTED"].remedy


def test_tfmot_leaves_a_swish_and_a_sum_of_three_float() -> None:
    image = tf_keras.Input((8, 8, 3), name="image")
    parts = [layers.Conv2D(4, 1, name=f"part{index}")(image) for index in range(2)]
    stem = layers.Conv2D(4, 3, activation="swish", padding="same", name="stem")(image)
    model = tf_keras.Model(image, layers.Add(name="merge")([stem, *parts]), name="net")
    found = first_findings(converted(tfmot_trained(model)), model, "no float op")
    assert {op: finding.layer for op, finding in found.items()} == {
        "CONV_2D": "stem",
        "LOGISTIC": "stem",
        "MUL": "stem",
        "ADD": "merge",
    }


@pytest.mark.parametrize("representative", [False, True])
def test_what_post_training_quantization_leaves_float(representative: bool) -> None:
    """Without a representative dataset all of it; with one, the layer that the converter does not quantize."""
    model = tf_keras.Sequential(
        [
            tf_keras.Input((8, 8, 3), name="image"),
            layers.Conv2D(4, 3, name="stem"),
            layers.ELU(name="bend"),
            layers.Flatten(name="flat"),
            layers.Dense(2, name="head"),
        ],
        name="net",
    )
    data = converted(model, representative=representative, int8_ends=representative)
    found = first_findings(data, model, "no float op")
    assert "the converter never quantizes ELU: replace layer 'bend'" in found["ELU"].remedy
    if representative:
        assert {op: finding.layer for op, finding in found.items()} == {"ELU": "bend"}
        assert first_findings(data, model, "no float island")["DEQUANTIZE"].layer == "bend"
    else:
        assert found["CONV_2D"].layer == "stem"
        assert "convert it with a representative dataset" in found["CONV_2D"].remedy
        assert found["FULLY_CONNECTED"].layer == "head"
