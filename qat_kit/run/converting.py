"""The stage that makes files: float32, and int8 (or what else the scheme says)."""

from __future__ import annotations

from qat_kit.convert import convert
from qat_kit.convert.job import Mode
from qat_kit.datasets import Dataset
from qat_kit.folder import LOG
from qat_kit.keras_models import load_model
from qat_kit.prepare import prepare, save_for_conversion
from qat_kit.results import TrainedTensors
from qat_kit.run.job import FLOAT_KERAS, FLOAT_TFLITE, QAT_KERAS, TENSORS, Job
from qat_kit.simulation import export_simulated


def convert_both(job: Job, dataset: Dataset) -> None:
    """Writes the float32 file and the candidate."""
    del dataset
    work, log = job.folder.work, job.path / LOG
    with job.progress.track("conversion", 2) as advance:
        prepared = prepare(load_model(job.path / FLOAT_KERAS)).model
        source = save_for_conversion(prepared, work / "float_saved_model")
        convert(source, job.path / FLOAT_TFLITE, mode="float32", log=log)
        advance(1)
        source = export_simulated(load_model(job.path / QAT_KERAS), work / "qat_saved_model")
        wide = job.scheme.activations is not None and job.scheme.activations.num_bits == 16
        mode: Mode = "int16x8_from_qat" if wide else "int8_from_qat"
        trained = TrainedTensors.load(job.path / TENSORS)
        convert(source, job.candidate, mode=mode, trained=trained, target=job.target, log=log)
        advance(1)
