"""qat_kit itself; and the float model trained on for as long as QAT takes, which is what QAT is compared with."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path

from subject import Subject, main

import qat_kit


def qat(scheme: str, subject: Subject, out: Path) -> None:
    # user
    result = qat_kit.quantize(
        subject.folder / "float.keras",
        train_data=subject.train,
        validation_data=subject.validation,
        calibration_data=subject.calibration,
        scheme=scheme,
        qat_epochs=subject.epochs,
        qat_learning_rate=subject.learning_rate,
        batch_size=subject.batch_size,
        seed=subject.seed,
        out=out.with_suffix(".run"),
    )
    # end
    out.write_bytes(result.artifact.path.read_bytes())


def post_training(scheme: str, subject: Subject, out: Path) -> None:
    folder = out.with_suffix(".run")
    # user
    command = ["qat-kit", "convert", str(subject.folder / "float.keras"), "--scheme", scheme, "--out", str(folder)]
    command += ["--representative", str(subject.folder / "calibration.npz"), "--select", "all"]
    # end
    subprocess.run([Path(sys.executable).with_name("qat-kit"), *command[1:]], check=True)
    (file,) = folder.glob("*.tflite")
    out.write_bytes(file.read_bytes())


def float_as_long(subject: Subject, out: Path) -> None:
    from tflite_converter import to_float

    from qat_kit.datasets import Split
    from qat_kit.keras_models import load_model
    from qat_kit.training import TrainingSettings, fit, fix_randomness, loss_for

    fix_randomness(subject.seed)
    model = load_model(subject.folder / "float.keras")
    fit(
        model,
        Split(inputs=(subject.train[0],), labels=subject.train[1]),
        loss=loss_for("classification", "logits" if subject.from_logits else "probabilities"),
        settings=TrainingSettings(
            epochs=subject.epochs,
            batch_size=subject.batch_size,
            learning_rate=subject.learning_rate,
            seed=subject.seed,
        ),
        checkpoint=out.with_suffix(".npz"),
    )
    out.write_bytes(to_float(model))


if __name__ == "__main__":
    main(
        {
            "float_as_long": float_as_long,
            **{f"qat_{scheme}": partial(qat, scheme) for scheme in ("w8a8", "w4a8", "w8a16", "w2a8", "ternary_a8")},
            "qat_binary_a8": partial(qat, "binary_a8"),
            **{f"post_training_{scheme}": partial(post_training, scheme) for scheme in ("w8a8", "w4a8", "w8a16")},
        }
    )
