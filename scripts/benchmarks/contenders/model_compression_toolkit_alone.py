"""Sony's Model Compression Toolkit: post-training with its default capabilities, exported as an int8 file.

Its capabilities for TFLite, `get_target_platform_capabilities("1.0", "tflite")`, fail in version 2.6.1: "can't have
both enable_activation_quantization and quantization_preserving enabled".
"""

from __future__ import annotations

from pathlib import Path

import model_compression_toolkit as mct
from keras.models import load_model
from subject import Subject, main


def post_training(subject: Subject, out: Path) -> None:
    # user
    model = load_model(subject.folder / "plain.h5", compile=False)
    quantized, _ = mct.ptq.keras_post_training_quantization(
        model,
        lambda: ([subject.calibration[start : start + 32]] for start in range(0, len(subject.calibration), 32)),
    )
    mct.exporter.keras_export_model(
        quantized,
        str(out),
        serialization_format=mct.exporter.KerasExportSerializationFormat.TFLITE,
        quantization_format=mct.exporter.QuantizationFormat.INT8,
    )
    # end


if __name__ == "__main__":
    main({"post_training": post_training})
