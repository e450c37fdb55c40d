"""tfmot's `quantize_model`, fine-tuned and converted as its guide shows it, with the same schedule as the others."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf
import tensorflow_model_optimization as tfmot
import tf_keras
from subject import Subject, main


def qat(subject: Subject, out: Path) -> None:
    tf_keras.utils.set_random_seed(subject.seed)
    data = tf.data.Dataset.from_tensor_slices(subject.train).shuffle(len(subject.train[0])).batch(subject.batch_size)
    if (subject.folder / "augment.keras").exists():
        augment = tf_keras.models.load_model(subject.folder / "augment.keras", compile=False)
        data = data.map(lambda images, labels: (augment(images, training=True), labels))
    # user
    model = tf_keras.models.load_model(subject.folder / "plain.h5", compile=False)
    quantized = tfmot.quantization.keras.quantize_model(model)
    steps = subject.epochs * -(-len(subject.train[0]) // subject.batch_size)
    rate = tf_keras.optimizers.schedules.CosineDecay(subject.learning_rate, steps)
    loss = tf_keras.losses.SparseCategoricalCrossentropy(from_logits=subject.from_logits)
    quantized.compile(tf_keras.optimizers.Adam(rate), loss)
    quantized.fit(data, epochs=subject.epochs, verbose=0)
    converter = tf.lite.TFLiteConverter.from_keras_model(quantized)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8
    out.write_bytes(converter.convert())
    # end


if __name__ == "__main__":
    main({"qat": qat})
