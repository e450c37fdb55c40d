"""The process in which TFLiteConverter runs: `python -m qat_kit.convert.worker job.json`.

The converter leaks memory with each call and prints from C++; a process of its own ends both. It must not inherit
anything from the caller but the job file.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qat_kit.convert.job import POST_TRAINING, Job
from qat_kit.files import write_bytes
from qat_kit.results import TrainedTensors
from qat_kit.vocabulary import ORDER

if TYPE_CHECKING:
    import tensorflow as tf


def run(job: Job) -> None:
    """Converts one SavedModel as the job says."""
    import tensorflow as tf

    if job.num_operators is None:
        converter = tf.lite.TFLiteConverter.from_saved_model(str(job.saved_model))
        configure(converter, job)
    else:
        from qat_kit.convert.diagnosis import first_operators

        function = first_operators(job.saved_model, job.num_operators)
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
        # Some of its outputs are no longer those of the model, and keep the type that they have.
        configure(converter, job.model_copy(update={"interface": "float32"}), names=False)
    file = converter.convert()
    # Beside int16 activations the converter writes int32 biases, which the specification wants as int64.
    if (job.trained is not None or job.mode == "int16x8_from_qat") and job.num_operators is None:
        from qat_kit.litert.trained_weights import with_trained_weights

        trained = TrainedTensors() if job.trained is None else TrainedTensors.load(job.trained)
        file = with_trained_weights(bytes(file), trained, packed_ops=job.packed_ops)
    order = job.saved_model / ORDER
    if order.exists() and job.num_operators is None:
        from qat_kit.litert.ordering import in_order

        file = in_order(bytes(file), **json.loads(order.read_text(encoding="utf-8")))
    write_bytes(job.output, file)


def configure(converter: tf.lite.TFLiteConverter, job: Job, *, names: bool = True) -> None:
    """Sets what the mode asks for. names: whether samples go in by name or in the order of the inputs."""
    import tensorflow as tf

    if job.mode == "float32":
        return
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if job.mode == "float16":
        converter.target_spec.supported_types = [tf.float16]
    converter.inference_input_type = tf.as_dtype(job.interface)
    converter.inference_output_type = tf.as_dtype(job.interface)
    if job.mode in POST_TRAINING:
        converter.representative_dataset = lambda: _samples(job, names)
        # Makes the dataset a must. An operator without an int8 kernel stays float all the same: the certificate judges.
        sets = tf.lite.OpsSet
        converter.target_spec.supported_ops = [
            sets.TFLITE_BUILTINS_INT8
            if job.mode == "int8_post_training"
            else sets.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        ]


def _samples(job: Job, names: bool) -> Iterator[Any]:
    """One sample at a time, as the exported model takes it."""
    if job.representative is None:
        raise ValueError("a model without quantization-aware training needs a representative dataset")
    with np.load(job.representative) as arrays:
        inputs = {name: arrays[name] for name in arrays.files}
    for index in range(len(next(iter(inputs.values())))):
        sample = {name: array[index : index + 1] for name, array in inputs.items()}
        yield sample if names else list(sample.values())


if __name__ == "__main__":
    run(Job.load(Path(sys.argv[1])))
