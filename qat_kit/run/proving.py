"""The stage that proves: certificate, metadata, manifest; only then is there a `model.tflite`."""

from __future__ import annotations

from qat_kit.checks import labels_of
from qat_kit.convert import build_manifest, golden_vectors, publish, write_metadata
from qat_kit.convert.artifact import kind_of
from qat_kit.convert.bundle import write_evaluation
from qat_kit.datasets import Dataset
from qat_kit.errors import CertificateError
from qat_kit.keras_models import load_model, predict_all
from qat_kit.manifest import Calibration
from qat_kit.results import Certificate, TrainedTensors
from qat_kit.run.job import CERTIFICATE, FLOAT_TFLITE, QAT_KERAS, TENSORS, Job
from qat_kit.training import DETERMINISM
from qat_kit.verify import RunRequest, verify

# Validation samples on which the file and the trained model are compared.
_MOST_VERIFIED = 512


def prove(job: Job, dataset: Dataset) -> None:
    """Writes certificate, metadata and manifest and lets the candidate become the artifact.

    Raises CertificateError where it is not what it must be.
    """
    # A file that is not fully int8 is refused before time goes into running it.
    _certify(job, None)
    model = load_model(job.path / QAT_KERAS)
    samples = None
    if not job.settings.no_user_data:
        samples = dict(zip(model.input_names, dataset.calibration.inputs, strict=True))
    golden = golden_vectors(job.candidate, samples, seed=job.settings.seed)
    validation = dataset.validation.take(slice(_MOST_VERIFIED))
    answers = predict_all(model, validation)
    proven = _certify(
        job,
        RunRequest(
            golden=golden,
            samples=dict(zip(model.input_names, validation.inputs, strict=True)),
            labels=labels_of(validation) if job.recipe.task == "classification" else None,
            scores=job.recipe.scores,
            trained=answers,
            baseline=("the trained model", next(iter(answers.values()))),
            seed=job.settings.seed,
        ),
    )
    write_metadata(
        job.candidate,
        proven,
        name=job.recipe.name,
        description=job.recipe.summary,
        scores=job.recipe.scores,
        class_names=dataset.class_names,
        preprocessing=dataset.preprocessing,
    )
    # The certificate is bound to the file as it is now. The metadata holds the hash of what was proven, so that is
    # kept as it is; what the description could have spoiled is looked at once more.
    described = _certify(job, None)
    certificate = proven.model_copy(update={"sha256": described.sha256, "size_bytes": described.size_bytes})
    certificate.save(job.path / CERTIFICATE)
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


def _certify(job: Job, request: RunRequest | None) -> Certificate:
    """The certificate of the candidate, written; raises CertificateError where it fails."""
    trained = TrainedTensors.load(job.path / TENSORS)
    certificate = verify(
        job.candidate,
        scheme_name=job.scheme,
        target=job.target,
        expected=trained,
        layers=tuple({*trained.outputs, *trained.weights}),
        run=request,
    )
    certificate.save(job.path / CERTIFICATE)
    if not certificate.passed:
        raise CertificateError(certificate_message(certificate))
    return certificate


def certificate_message(certificate: Certificate) -> str:
    """Why there is no file: each finding with its operator, its Keras layer and the remedy."""
    lines = ["the file is not what it must be, so there is no model.tflite:"]
    lines += [f"  {finding.line}" for finding in certificate.findings[:8]]
    if len(certificate.findings) > 8:
        lines.append(f"  … and {len(certificate.findings) - 8} more findings, all in {CERTIFICATE}")
    return "\n".join(lines)
