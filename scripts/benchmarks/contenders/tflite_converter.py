"""TFLiteConverter alone: post-training integers and dynamic range, as its guide shows them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf
import tf_keras
from subject import Subject, main


def to_float(model: Any) -> bytes:
    """A float file of the model as it stands."""
    converted: bytes = tf.lite.TFLiteConverter.from_keras_model(model).convert()
    return converted


def post_training(subject: Subject, out: Path) -> None:
    # user
    model = tf_keras.models.load_model(subject.folder / "plain.h5", compile=False)
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([sample[None]] for sample in subject.calibration)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8
    out.write_bytes(converter.convert())
    # end


def dynamic_range(subject: Subject, out: Path) -> None:
    # user
    model = tf_keras.models.load_model(subject.folder / "plain.h5", compile=False)
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    out.write_bytes(converter.convert())
    # end


if __name__ == "__main__":
    main({"post_training": post_training, "dynamic_range": dynamic_range})
