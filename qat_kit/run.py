"""The runner: a recipe, stage by stage, in a folder that remembers what is done.

    float ─▶ qat ─▶ convert ─▶ verify ─▶ measure

Each stage reads the files of the stages before it, also when they ran in this very process, so that a run that was
killed and went on is the same run.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.checks import check_dataset, check_model_fits, labels_of
from qat_kit.convert import build_manifest, convert, golden_vectors, publish, write_metadata
from qat_kit.convert.artifact import MANIFEST_NAME, kind_of, names_for
from qat_kit.convert.bundle import write_evaluation
from qat_kit.convert.job import Mode
from qat_kit.datasets import Dataset, Split, label_arrays
from qat_kit.errors import CertificateError, GateError
from qat_kit.folder import LOG, RunFolder, RunState, open_folder
from qat_kit.keras_models import keras_runner, load_model, predict_all, save_model
from qat_kit.manifest import Artifact, Calibration, Manifest
from qat_kit.measure import (
    Runner,
    classification_quality,
    compare,
    environment,
    evaluate_all,
    file_runner,
    measure_latency,
    regression_quality,
)
from qat_kit.measure.flips import save_flips
from qat_kit.measure.metrics import compare_answers, get_task
from qat_kit.numerics import get_range_estimator
from qat_kit.prepare import prepare, save_for_conversion, take_model
from qat_kit.progress import Progress, SilentProgress
from qat_kit.qat import QatOptions, train
from qat_kit.recipe import Head, Recipe, Settings, blaming
from qat_kit.results import (
    Certificate,
    Comparison,
    Measurement,
    ModelMeasurement,
    PairedTest,
    Quality,
    TrainedTensors,
    TrainingHistory,
)
from qat_kit.schemes import get_scheme
from qat_kit.simulation import build_simulated, export_simulated, simulate, trained_tensors
from qat_kit.targets import get_target
from qat_kit.training import DETERMINISM, TrainingSettings, fit, fix_randomness, joint_loss, loss_for
from qat_kit.tuning import OPTION_FIELDS, TRAINING_FIELDS
from qat_kit.verify import RunRequest, verify
from qat_kit.version import __version__
from qat_kit.vocabulary import KernelSet

FLOAT_KERAS, QAT_KERAS = "float.keras", "qat.keras"
FLOAT_TFLITE = "model.float32.tflite"
TENSORBOARD = "tensorboard"
TENSORS, CERTIFICATE, MEASUREMENT = "tensors.json", "certificate.json", "measurement.json"
HISTORY, FLIPS = "training.json", "flips.npz"

_BATCH = 256
# Validation samples on which the file and the trained model are compared.
_MOST_VERIFIED = 512


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """What a run leaves behind. folder holds it all; comparisons are against the float model."""

    folder: Path
    artifact: Artifact
    certificate: Certificate
    measurement: Measurement


def run(recipe: Recipe, folder: Path, *, fresh: bool = False, progress: Progress | None = None) -> RunResult:
    """Runs a recipe, or goes on with it where it stopped.

    Raises GateError when the work is done and the result is not good enough (CertificateError: the file is not fully
    int8, and there is no `model.tflite`), and other QatKitErrors for wrong input.
    """
    result = run_stages(recipe, folder, fresh=fresh, progress=progress)
    refuse_low_accuracy(result, recipe.settings)
    return result


def run_stages(recipe: Recipe, folder: Path, *, fresh: bool = False, progress: Progress | None = None) -> RunResult:
    """What `run` does, without the gate on accuracy: for those who show the figures first."""
    # Names that do not exist are refused before the folder is touched.
    get_scheme(recipe.settings.scheme)
    get_target(recipe.settings.target)
    get_range_estimator(recipe.settings.range_estimator)
    state = RunState(
        recipe=recipe.name,
        source_sha256=recipe.source_sha256,
        version=__version__,
        settings=_recorded(recipe.settings),
    )
    with open_folder(folder, state, fresh=fresh) as opened:
        return _Run(recipe, opened, progress or SilentProgress()).execute()


class _Run:
    def __init__(self, recipe: Recipe, folder: RunFolder, progress: Progress) -> None:
        self.recipe = recipe
        self.settings = recipe.settings
        self.folder = folder
        self.path = folder.path
        self.progress = progress
        self.scheme = self.settings.scheme_for(get_scheme(self.settings.scheme))
        self.target = get_target(self.settings.target)
        self.tasks = tuple(head.task for head in recipe.heads)
        self.loss = joint_loss([head.loss or loss_for(head.task, head.scores) for head in recipe.heads])

    def execute(self) -> RunResult:
        """All stages that are not done yet."""
        stages: dict[str, Callable[[Dataset], None]] = {
            "float": self._train_float,
            "qat": self._train_quantized,
            "convert": self._convert,
            "verify": self._verify,
            "measure": self._measure,
        }
        if not all(self.folder.is_finished(stage) for stage in stages):
            with self.progress.track("loading data", 1), blaming(f"load_data of recipe {self.recipe.name}"):
                loaded = self.recipe.load_data(self.settings)
            dataset = check_dataset(loaded, *self.tasks)
            if self.settings.max_samples is not None:
                dataset = dataset.at_most(self.settings.max_samples)
            for name, stage in stages.items():
                if self.folder.is_finished(name):
                    self.progress.say(f"  {name:<8} done before")
                    continue
                # Each stage starts from the seed, whichever stages ran before it in this process.
                fix_randomness(self.settings.seed)
                start = time.monotonic()
                stage(dataset)
                self.folder.finish(name)
                self.progress.say(f"  {name:<8} {time.monotonic() - start:.1f} s")
        shutil.rmtree(self.folder.work, ignore_errors=True)
        return RunResult(
            folder=self.path,
            artifact=Artifact(path=self.path / self.model_name, manifest=Manifest.load(self.path / MANIFEST_NAME)),
            certificate=Certificate.load(self.path / CERTIFICATE),
            measurement=Measurement.load(self.path / MEASUREMENT),
        )

    # ------------------------------------------------------------------------------------------ stages

    def _train_float(self, dataset: Dataset) -> None:
        with blaming(f"build_model of recipe {self.recipe.name}"):
            model = self.recipe.build_model(self.settings)
        model = take_model(model, input_shapes=self.settings.input_shapes)
        # A model or scheme that cannot be quantized is refused before hours of training, not after.
        build_simulated(prepare(model, batch_norm=self.settings.batch_norm), **self._simulation)
        check_model_fits(model, dataset, *self.tasks)
        if self.settings.epochs:
            history = fit(
                model,
                dataset.train,
                loss=self.loss,
                settings=self._training(self.settings.epochs, self.settings.learning_rate),
                validation=dataset.validation,
                checkpoint=self.folder.work / "float.npz",
                description="float training",
                progress=self.progress,
            )
            self._keep_history("float", history)
        save_model(model, self.path / FLOAT_KERAS)

    def _train_quantized(self, dataset: Dataset) -> None:
        calibration = list(dataset.calibration.batches(_BATCH))
        estimator = self.settings.range_estimator
        prepared = prepare(load_model(self.path / FLOAT_KERAS), batch_norm=self.settings.batch_norm)
        with self.progress.track("calibration", 1) as advance:
            qat = simulate(prepared, calibration, estimator=estimator, **self._simulation)
            advance(1)
        qat, history = train(
            qat,
            dataset.train,
            calibration=calibration,
            loss=self.loss,
            settings=replace(
                self._training(self.settings.qat_epochs, self.settings.qat_learning_rate),
                **self.settings.values(TRAINING_FIELDS),
            ),
            options=QatOptions(
                **self.settings.values(OPTION_FIELDS),
                log_folder=self.path / TENSORBOARD if self.settings.tensorboard else None,
            ),
            estimator=estimator,
            validation=dataset.validation,
            teacher=prepared.model,
            scores=tuple(head.scores for head in self.recipe.heads),
            checkpoint=self.folder.work / "qat.npz",
            progress=self.progress,
        )
        self._keep_history("qat", history)
        save_model(qat.model, self.path / QAT_KERAS)
        trained_tensors(qat.model).save(self.path / TENSORS)

    def _convert(self, dataset: Dataset) -> None:
        del dataset
        work, log = self.folder.work, self.path / LOG
        with self.progress.track("conversion", 2) as advance:
            prepared = prepare(load_model(self.path / FLOAT_KERAS)).model
            source = save_for_conversion(prepared, work / "float_saved_model")
            convert(source, self.path / FLOAT_TFLITE, mode="float32", log=log)
            advance(1)
            source = export_simulated(load_model(self.path / QAT_KERAS), work / "qat_saved_model")
            wide = self.scheme.activations is not None and self.scheme.activations.num_bits == 16
            mode: Mode = "int16x8_from_qat" if wide else "int8_from_qat"
            trained = TrainedTensors.load(self.path / TENSORS)
            convert(source, self._candidate, mode=mode, trained=trained, target=self.target, log=log)
            advance(1)

    def _verify(self, dataset: Dataset) -> None:
        # A file that is not fully int8 is refused before time goes into running it.
        self._certify(None)
        model = load_model(self.path / QAT_KERAS)
        samples = None
        if not self.settings.no_user_data:
            samples = dict(zip(model.input_names, dataset.calibration.inputs, strict=True))
        golden = golden_vectors(self._candidate, samples, seed=self.settings.seed)
        validation = dataset.validation.take(slice(_MOST_VERIFIED))
        answers = predict_all(model, validation)
        proven = self._certify(
            RunRequest(
                golden=golden,
                samples=dict(zip(model.input_names, validation.inputs, strict=True)),
                labels=labels_of(validation),
                scores=self.recipe.scores,
                trained=answers,
                baseline=("the trained model", next(iter(answers.values()))),
                seed=self.settings.seed,
            )
        )
        write_metadata(
            self._candidate,
            proven,
            name=self.recipe.name,
            description=self.recipe.summary,
            scores=self.recipe.scores,
            class_names=dataset.class_names,
            preprocessing=dataset.preprocessing,
        )
        # The certificate is bound to the file as it is now. The metadata holds the hash of what was proven, so that is
        # kept as it is; what the description could have spoiled is looked at once more.
        described = self._certify(None)
        certificate = proven.model_copy(update={"sha256": described.sha256, "size_bytes": described.size_bytes})
        certificate.save(self.path / CERTIFICATE)
        manifest = build_manifest(
            self._candidate,
            certificate,
            name=self.recipe.name,
            description=self.recipe.summary,
            task=self.recipe.task,
            scores=self.recipe.scores,
            class_names=dataset.class_names,
            calibration=Calibration(
                sha256=dataset.calibration.sha256,
                num_samples=len(dataset.calibration),
                indices=dataset.calibration_indices,
                estimator=self.settings.range_estimator,
                preprocessing=dataset.preprocessing,
            ),
            golden=golden,
            file_name=self.model_name,
            kind=kind_of(self.scheme.name),
            scheme=self.scheme.name,
            target=self.target.name,
            seed=self.settings.seed,
            determinism=DETERMINISM,
            settings=_recorded(self.settings),
            others=[("float32", self.path / FLOAT_TFLITE)],
        )
        if not self.settings.no_user_data:
            write_evaluation(self.path, model.input_names, dataset.test)
        publish(self._candidate, manifest, self.path)

    def _certify(self, request: RunRequest | None) -> Certificate:
        """The certificate of the candidate, written; raises CertificateError where it fails."""
        trained = TrainedTensors.load(self.path / TENSORS)
        certificate = verify(
            self._candidate,
            scheme_name=self.scheme,
            target=self.target,
            expected=trained,
            layers=tuple({*trained.outputs, *trained.weights}),
            run=request,
        )
        certificate.save(self.path / CERTIFICATE)
        if not certificate.passed:
            raise CertificateError(certificate_message(certificate))
        return certificate

    def _measure(self, dataset: Dataset) -> None:
        test, kernel_set, threads = dataset.test, self.kernel_set, self.settings.num_threads
        models = {"float": FLOAT_KERAS, "qat_simulated": QAT_KERAS}
        files = {"float32_tflite": FLOAT_TFLITE, "int8_tflite": self.model_name}
        outputs: dict[str, dict[str, NDArray[np.float32]]] = {}
        runners: dict[str, Runner] = {}
        with self.progress.track("evaluation", 4 * len(test)) as advance:
            for name, file in models.items():
                model = load_model(self.path / file)
                outputs[name] = predict_all(model, test)
                runners[name] = keras_runner(model, test)
                advance(len(test))
            inputs = dict(zip(model.input_names, test.inputs, strict=True))
            for name, file in files.items():
                outputs[name] = evaluate_all(
                    self.path / file, inputs, kernel_set=kernel_set, num_threads=threads, on_progress=advance
                )
                runners[name] = file_runner(self.path / file, inputs, kernel_set=kernel_set, num_threads=threads)
        # What is compared and shown first is the first output.
        answers = {name: next(iter(found.values())) for name, found in outputs.items()}
        if self.recipe.heads[0].task == "classification" and not self.settings.no_user_data:
            save_flips(
                self.path / FLIPS, test.inputs[0], labels_of(test), answers["float32_tflite"], answers["int8_tflite"]
            )
        with self.progress.track("latency", 1) as advance:
            latencies = measure_latency(runners, num_runs=self.settings.num_latency_runs)
            advance(1)
        Measurement(
            models=tuple(
                ModelMeasurement(
                    name=name,
                    quality=self._quality(answers[name], labels_of(test), self.recipe.heads[0]),
                    outputs=self._qualities(outputs[name], test),
                    size_bytes=(self.path / file).stat().st_size,
                    latency=latencies[name],
                )
                for name, file in {**models, **files}.items()
            ),
            comparisons=tuple(self._comparisons(answers, test)),
            paired=tuple(self._paired(answers, test)),
            environment=environment(),
        ).save(self.path / MEASUREMENT)

    # ------------------------------------------------------------------------------------------ their parts

    @property
    def kernel_set(self) -> KernelSet:
        """The LiteRT kernels that stand for the target here; the reference kernels where none do."""
        return self.target.kernel_set or "reference"

    @property
    def _simulation(self) -> dict[str, Any]:
        """What the simulated model is to be."""
        settings = self.settings
        return {
            "scheme": self.scheme,
            "target": self.target,
            "forward": settings.forward,
            "kernel_set": settings.kernel_set,
            "rounding_noise": settings.rounding_noise,
        }

    @property
    def model_name(self) -> str:
        """What the file is called; its manifest says so, too."""
        return names_for(self.scheme.name).model

    @property
    def _candidate(self) -> Path:
        """The int8 file until it has passed. It must not be called `model.tflite` yet."""
        return self.folder.work / "candidate.int8.tflite"

    def _training(self, epochs: int, learning_rate: float) -> TrainingSettings:
        return TrainingSettings(
            epochs=epochs,
            batch_size=self.settings.batch_size,
            learning_rate=learning_rate,
            seed=self.settings.seed,
        )

    def _quality(self, answers: NDArray[np.float32], labels: NDArray[Any], head: Head) -> Quality:
        if head.task == "regression":
            return regression_quality(answers, labels)
        return classification_quality(answers, labels, scores_are=head.scores)

    def _qualities(self, outputs: dict[str, NDArray[np.float32]], test: Split) -> dict[str, Quality]:
        """By output, where there are several."""
        if len(outputs) == 1:
            return {}
        each = zip(outputs.items(), label_arrays(test.labels), self.recipe.heads, strict=True)
        return {name: self._quality(answers, labels, head) for (name, answers), labels, head in each}

    def _paired(self, answers: dict[str, NDArray[np.float32]], test: Split) -> list[PairedTest]:
        """The int8 file against the float file, figure by figure; those that a bootstrap computes anew are left out."""
        head = self.recipe.heads[0]
        options: dict[str, Any] = {"scores_are": head.scores} if head.task == "classification" else {}
        before, after = (answers[name] for name in ("float32_tflite", "int8_tflite"))
        return [
            compare_answers(
                get_task(head.task),
                before,
                after,
                labels_of(test),
                baseline="float32_tflite",
                candidate="int8_tflite",
                num_draws=0,
                **options,
            )
        ]

    def _keep_history(self, stage: str, history: list[dict[str, float]]) -> None:
        path = self.path / HISTORY
        kept = TrainingHistory.load(path).stages if path.exists() else {}
        TrainingHistory(stages={**kept, stage: tuple(history)}).save(path)

    def _comparisons(self, answers: dict[str, NDArray[np.float32]], test: Split) -> list[Comparison]:
        if self.recipe.task == "regression":
            return []
        labels = labels_of(test)
        return [
            compare(
                answers["float"], answers[name], labels, baseline="float", candidate=name, scores_are=self.recipe.scores
            )
            for name in answers
            if name != "float"
        ]


def refuse_low_accuracy(result: RunResult, settings: Settings) -> None:
    """Raises GateError when the int8 file is less accurate than `minimum_accuracy` asks."""
    wanted, quality = settings.minimum_accuracy, result.measurement["int8_tflite"].quality
    accuracy = None if quality is None else quality.accuracy
    if wanted is not None and accuracy is not None and accuracy < wanted:
        raise GateError(
            f"the int8 file's accuracy is {accuracy:.2%}, below minimum_accuracy = {wanted:.2%}. Train longer "
            "(epochs, qat_epochs), give the model more capacity, or lower the gate"
        )


def _recorded(settings: Settings) -> dict[str, Any]:
    """All but the gate, which judges the file and does not make it: it may be moved without training again."""
    return settings.model_dump(mode="json", exclude={"minimum_accuracy"})


def certificate_message(certificate: Certificate) -> str:
    """Why there is no file: each finding with its operator, its Keras layer and the remedy."""
    lines = ["the file is not what it must be, so there is no model.tflite:"]
    lines += [f"  {finding.line}" for finding in certificate.findings[:8]]
    if len(certificate.findings) > 8:
        lines.append(f"  … and {len(certificate.findings) - 8} more findings, all in {CERTIFICATE}")
    return "\n".join(lines)
