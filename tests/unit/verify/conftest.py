"""A real file, converted once: what planted defects are planted in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from qat_kit.convert.golden import golden_vectors
from qat_kit.convert.interface import interfaces
from qat_kit.litert.model_file import read_model
from qat_kit.manifest import FileEntry, Manifest
from qat_kit.results import TrainedTensors


@dataclass(frozen=True, kw_only=True)
class Converted:
    """A file with all that was known when it was made. samples: [64, 12, 12, 3]; answers: of the simulated model."""

    content: bytes
    trained: TrainedTensors
    manifest: Manifest
    samples: np.ndarray
    answers: np.ndarray


@pytest.fixture(scope="session")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Converted:
    """Convolution, depthwise convolution, pool, dense, softmax: prepared, simulated, converted."""
    import tf_keras
    from tf_keras import layers

    from qat_kit.convert.job import Job
    from qat_kit.convert.worker import run
    from qat_kit.prepare import prepare
    from qat_kit.simulation import export_simulated, simulate, trained_tensors
    from tests.support.models import randomized

    folder = tmp_path_factory.mktemp("converted")
    model = tf_keras.Sequential(
        [
            tf_keras.Input((12, 12, 3), name="image"),
            layers.Conv2D(8, 3, strides=2, name="stem"),
            layers.BatchNormalization(name="norm"),
            layers.ReLU(name="bend"),
            layers.DepthwiseConv2D(3, name="depth"),
            layers.MaxPooling2D(name="pool"),
            layers.Flatten(name="flat"),
            layers.Dense(5, name="logits"),
            layers.Softmax(name="scores"),
        ],
        name="net",
    )
    samples = np.random.default_rng(3).normal(size=(64, 12, 12, 3)).astype(np.float32)
    prepared = prepare(randomized(model))
    qat = simulate(prepared, [[samples]]).model
    export_simulated(qat, folder / "saved_model")
    path = folder / "model.tflite"
    run(Job(saved_model=folder / "saved_model", output=path, mode="int8_from_qat"))
    file = read_model(path)
    inputs, outputs = interfaces(file)
    manifest = Manifest(
        name="net",
        task="classification",
        scores="probabilities",
        files=(FileEntry(name=path.name, kind="int8", sha256=file.sha256, size_bytes=file.size_bytes),),
        inputs=inputs,
        outputs=outputs,
        scheme="w8a8",
        target="litert_xnnpack",
        seed=0,
        determinism="",
        settings={},
        calibration=None,
        golden=golden_vectors(path, {"image": samples}),
        certificate_sha256="",
        versions={},
    )
    return Converted(
        content=path.read_bytes(),
        trained=trained_tensors(qat),
        manifest=manifest,
        samples=samples,
        answers=np.asarray(qat.predict(samples, verbose=0)),
    )
