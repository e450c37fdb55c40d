"""The stage that measures: quality, latency, and what int8 costs in answers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qat_kit.checks import labels_of
from qat_kit.datasets import Dataset
from qat_kit.keras_models import keras_runner, load_model, predict_all
from qat_kit.measure import Runner, environment, evaluate_all, file_runner, measure_latency
from qat_kit.measure.flips import save_flips
from qat_kit.results import Measurement, ModelMeasurement
from qat_kit.run.job import FLIPS, FLOAT_KERAS, FLOAT_TFLITE, MEASUREMENT, QAT_KERAS, Job
from qat_kit.run.judging import comparisons, judge_each, judge_outputs, paired


def measure_all(job: Job, dataset: Dataset) -> None:
    """Writes the measurement of the float model, the simulated one and both files, on the test data."""
    test, kernel_set, threads = dataset.test, job.kernel_set, job.settings.num_threads
    models = {"float": FLOAT_KERAS, "qat_simulated": QAT_KERAS}
    files = {"float32_tflite": FLOAT_TFLITE, "int8_tflite": job.model_name}
    outputs: dict[str, dict[str, NDArray[np.float32]]] = {}
    runners: dict[str, Runner] = {}
    with job.progress.track("evaluation", 4 * len(test)) as advance:
        for name, file in models.items():
            model = load_model(job.path / file)
            outputs[name] = predict_all(model, test)
            runners[name] = keras_runner(model, test)
            advance(len(test))
        inputs = dict(zip(model.input_names, test.inputs, strict=True))
        for name, file in files.items():
            outputs[name] = evaluate_all(
                job.path / file, inputs, kernel_set=kernel_set, num_threads=threads, on_progress=advance
            )
            runners[name] = file_runner(job.path / file, inputs, kernel_set=kernel_set, num_threads=threads)
    compared = comparisons(job.recipe, outputs, test)
    if compared and not job.settings.no_user_data:
        before, after = (next(iter(outputs[name].values())) for name in files)
        save_flips(job.path / FLIPS, test.inputs[0], labels_of(test), before, after)
    with job.progress.track("latency", 1) as advance:
        latencies = measure_latency(runners, num_runs=job.settings.num_latency_runs)
        advance(1)
    Measurement(
        models=tuple(
            ModelMeasurement(
                name=name,
                quality=judge_outputs(job.recipe, outputs[name], test),
                outputs=judge_each(job.recipe, outputs[name], test),
                size_bytes=(job.path / file).stat().st_size,
                latency=latencies[name],
            )
            for name, file in {**models, **files}.items()
        ),
        comparisons=compared,
        paired=(paired(job.recipe, {name: outputs[name] for name in files}, test),),
        environment=environment(),
    ).save(job.path / MEASUREMENT)
