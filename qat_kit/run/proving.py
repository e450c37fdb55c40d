"""The stage that proves: certificate, metadata, manifest; only then is there a `model.tflite`."""

from __future__ import annotations

from qat_kit import proof
from qat_kit.checks import labels_of
from qat_kit.convert import build_manifest, publish, write_metadata
from qat_kit.convert.artifact import kind_of
from qat_kit.convert.bundle import write_evaluation
from qat_kit.datasets import Dataset
from qat_kit.keras_models import load_model, predict_all
from qat_kit.manifest import Calibration
from qat_kit.results import TrainedTensors
from qat_kit.run.job import CERTIFICATE, FLOAT_TFLITE, QAT_KERAS, TENSORS, Job
from qat_kit.sampling import MOST_JUDGED
from qat_kit.training import DETERMINISM
from qat_kit.verify import RunRequest, verify


def prove(job: Job, dataset: Dataset) -> None:
    """Writes certificate, metadata and manifest and lets the candidate become the artifact.

    Raises CertificateError where it is not what it must be.
    """
    model = load_model(job.path / QAT_KERAS)
    trained = TrainedTensors.load(job.path / TENSORS)
    samples = None
    if not job.settings.no_user_data:
        samples = dict(zip(model.input_names, dataset.calibration.inputs, strict=True))

    def request() -> RunRequest:
        validation = dataset.validation.take(slice(MOST_JUDGED))
        answers = predict_all(model, validation)
        return RunRequest(
            samples=dict(zip(model.input_names, validation.inputs, strict=True)),
            labels=labels_of(validation) if job.recipe.task == "classification" else None,
            scores=job.recipe.scores,
            trained=answers,
            baseline=("the trained model", next(iter(answers.values()))),
            seed=job.settings.seed,
        )

    certificate, golden = proof.prove(
        job.candidate,
        job.path / CERTIFICATE,
        certify=lambda run: verify(
            job.candidate,
            scheme_name=job.scheme,
            target=job.target,
            expected=trained,
            layers=tuple({*trained.outputs, *trained.weights}),
            run=run,
        ),
        request=request,
        golden_inputs=samples,
        describe=lambda proven: write_metadata(
            job.candidate,
            proven,
            name=job.recipe.name,
            description=job.recipe.summary,
            scores=job.recipe.scores,
            class_names=dataset.class_names,
            preprocessing=dataset.preprocessing,
        ),
        name=job.model_name,
    )
    manifest = build_manifest(
        job.candidate,
        certificate,
        name=job.recipe.name,
        description=job.recipe.summary,
        task=job.recipe.task,
        scores=job.recipe.scores,
        class_names=dataset.class_names,
        calibration=Calibration(
            sha256=dataset.calibration.sha256,
            num_samples=len(dataset.calibration),
            indices=dataset.calibration_indices,
            estimator=job.settings.range_estimator,
            preprocessing=dataset.preprocessing,
        ),
        golden=golden,
        file_name=job.model_name,
        kind=kind_of(job.scheme.name),
        scheme=job.scheme.name,
        target=job.target.name,
        seed=job.settings.seed,
        determinism=DETERMINISM,
        settings=job.settings.recorded(),
        others=[("float32", job.path / FLOAT_TFLITE)],
    )
    if not job.settings.no_user_data:
        write_evaluation(job.path, model.input_names, dataset.test)
    publish(job.candidate, manifest, job.path)
