"""A Keras model that never saw quantization-aware training, to a `.tflite` file, its manifest and its certificate."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.convert import build_manifest, convert, publish, write_metadata
from qat_kit.convert.artifact import kind_of, names_for
from qat_kit.convert.job import Mode
from qat_kit.convert.process import Limits
from qat_kit.datasets import Split
from qat_kit.datasets.sources import SampleSource
from qat_kit.errors import DataError, SchemeError
from qat_kit.keras_models import is_probability, predict, predict_all
from qat_kit.manifest import Artifact, Calibration
from qat_kit.measure.metrics.classification import class_numbers
from qat_kit.prepare import prepare, save_for_conversion
from qat_kit.progress import Progress, SilentProgress
from qat_kit.proof import prove
from qat_kit.ptq import equalize
from qat_kit.results import Certificate, PreparedModel, TrainedTensors
from qat_kit.sampling import Samples, take_samples
from qat_kit.schemes import get_scheme
from qat_kit.simulation import export_simulated, simulate, trained_tensors
from qat_kit.targets import get_target
from qat_kit.training import DETERMINISM
from qat_kit.verify import RunRequest, verify
from qat_kit.verify.dynamic.request import MAX_SIMULATED_MACS
from qat_kit.vocabulary import IoType, Scores, Selection

if TYPE_CHECKING:
    import tf_keras

# How each scheme is reached without training. Those with ranges go the way of a trained model, so that the ranges are
# those of the estimator and the certificate compares every scale.
MODES: dict[str, Mode] = {
    "w8a8": "int8_from_qat",
    "w4a8": "int8_from_qat",
    "w8a16": "int16x8_from_qat",
    "w8_dynamic": "dynamic_range",
    "fp16": "float16",
}
_NEEDS_DATA = ("w8a8", "w4a8", "w8a16")
_BATCH = 256


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """What comes of it."""

    artifact: Artifact
    certificate: Certificate


def convert_model(
    model: Any,
    folder: Path,
    *,
    representative: SampleSource | None,
    scheme: str = "w8a8",
    target: str = "litert_xnnpack",
    interface: IoType | None = None,
    estimator: str = "portfolio",
    equalization: bool = False,
    num_samples: int = 128,
    selection: Selection = "first",
    scores: Scores | None = None,
    class_names: tuple[str, ...] = (),
    description: str = "",
    no_user_data: bool = False,
    max_drop_points: float = 1.0,
    max_macs: int | None = None,
    input_shapes: Any = None,
    seed: int = 0,
    limits: Limits | None = None,
    log: Path | None = None,
    progress: Progress | None = None,
) -> Conversion:
    """Writes the file, its manifest and its certificate to `folder`.

    The file is called `model.tflite` when it is proven fully int8, inputs and outputs too, and `model.<scheme>.tflite`
    otherwise. num_samples: how many of `representative` to use (all of fewer, when `selection` is `all`).
    input_shapes: as `prepare` takes them. equalization: the channels of neighbouring kernels are made equally large
    first (`qat_kit.ptq.equalize`), which changes no answer of the float model.

    The file is read and run: against the kernel simulator, its golden vectors, the simulated model, and where
    `representative` has the classes of its samples, against the Keras model's accuracy. max_drop_points: what that may
    fall by, beyond chance. max_macs: products that the simulator may compute; a billion where left out.

    Raises SchemeError for a scheme that needs training, DataError where it needs representative data and there is none,
    CertificateError (and no file is left) when the file is not what the scheme says, or does not answer as it should.
    """
    progress = progress or SilentProgress()
    quantization, runtime = get_scheme(scheme), get_target(target)
    if quantization.name not in MODES:
        raise SchemeError(
            f"scheme {quantization.name!r} cannot be reached by conversion alone; those that can: {', '.join(MODES)}"
        )
    mode = MODES[quantization.name]
    if quantization.name in _NEEDS_DATA and representative is None:
        raise DataError(f"scheme {quantization.name!r} needs representative data: give an .npz or a folder")
    prepared = prepare(model, input_shapes=input_shapes)
    if equalization:
        prepared = _equalized(prepared, progress)
    samples, calibration = None, None
    if representative is not None:
        with progress.track("reading representative data", 1) as advance:
            samples = take_samples(representative, prepared.model, count=num_samples, selection=selection, seed=seed)
            advance(1)
        if quantization.name in _NEEDS_DATA:
            calibration = Calibration(
                sha256=samples.calibration.sha256,
                num_samples=len(samples.calibration),
                indices=samples.indices,
                selection=selection,
                num_candidates=representative.size,
                estimator=estimator,
                source=None if no_user_data else representative.name,
                preprocessing=representative.preprocessing,
            )
    with tempfile.TemporaryDirectory(prefix="qat_kit_convert_") as temporary:
        work = Path(temporary)
        candidate = work / "candidate.tflite"
        trained: TrainedTensors | None = None
        simulated: tf_keras.Model | None = None
        if quantization.name in _NEEDS_DATA and samples is not None:
            with progress.track("calibration", 1) as advance:
                batches = list(samples.calibration.batches(_BATCH))
                simulated = simulate(prepared, batches, scheme=quantization, target=runtime, estimator=estimator).model
                advance(1)
            trained = trained_tensors(simulated)
            source = export_simulated(simulated, work / "saved_model")
        else:
            source = save_for_conversion(prepared.model, work / "saved_model")
        with progress.track("conversion", 1) as advance:
            convert(
                source,
                candidate,
                mode=mode,
                interface=interface,
                trained=trained,
                target=runtime,
                limits=limits,
                log=log,
            )
            advance(1)
        file_names = names_for(quantization.name, interface)
        # What lies there of an earlier conversion is not what this certificate speaks of.
        for name in (file_names.model, file_names.manifest):
            (folder / name).unlink(missing_ok=True)
        labels = _class_numbers(prepared.model, samples, progress)
        held = scores or _scores(prepared.model, is_classifier=labels is not None or bool(class_names))
        with progress.track("verification", 1) as advance:
            certificate, golden = prove(
                candidate,
                folder / file_names.certificate,
                certify=lambda run: verify(
                    candidate,
                    scheme_name=quantization,
                    io=interface,
                    target=runtime,
                    expected=trained,
                    layers=tuple(prepared.origins),
                    run=run,
                ),
                request=lambda: RunRequest(
                    **_answers(prepared.model, simulated, samples),
                    labels=labels,
                    scores=held,
                    max_drop_points=max_drop_points,
                    max_simulated_macs=MAX_SIMULATED_MACS if max_macs is None else max_macs,
                    seed=seed,
                ),
                golden_inputs=None if samples is None or no_user_data else _named(prepared.model, samples.calibration),
                describe=lambda proven: write_metadata(
                    candidate,
                    proven,
                    name=prepared.model.name,
                    description=description,
                    scores=held,
                    class_names=class_names,
                    preprocessing=None if representative is None else representative.preprocessing,
                ),
                name=file_names.model,
            )
            advance(1)
        if trained is not None:
            trained.save(folder / file_names.tensors)
        manifest = build_manifest(
            candidate,
            certificate,
            file_name=file_names.model,
            kind=kind_of(quantization.name, interface),
            name=prepared.model.name,
            description=description,
            task=None,
            scores=held,
            class_names=class_names,
            calibration=calibration,
            golden=golden,
            scheme=quantization.name,
            target=runtime.name,
            seed=seed,
            determinism=DETERMINISM,
            settings={
                "mode": mode,
                "interface": interface,
                "no_user_data": no_user_data,
                "equalization": equalization,
            },
        )
        return Conversion(
            artifact=publish(candidate, manifest, folder, manifest_name=file_names.manifest), certificate=certificate
        )


def _equalized(prepared: PreparedModel, progress: Progress) -> PreparedModel:
    """The model with equalized kernels; which, and why not the others, is said."""
    with progress.track("equalization", 1) as advance:
        done = equalize(prepared)
        advance(1)
    pairs = ", ".join(f"{path.first} → {path.second}" for path in done.paths)
    progress.say(f"equalized: {pairs or 'no kernels'}")
    for name, why in done.stops.items():
        progress.say(f"not equalized behind {name!r}: {why}")
    return done.prepared


def _named(model: tf_keras.Model, split: Split) -> dict[str, NDArray[np.float32]]:
    return dict(zip(model.input_names, split.inputs, strict=True))


def _answers(model: tf_keras.Model, simulated: tf_keras.Model | None, samples: Samples | None) -> dict[str, Any]:
    """What the samples are, and what the float model and the simulated one answer to them: of a RunRequest."""
    if samples is None:
        return {}
    return {
        "samples": _named(model, samples.judging),
        "baseline": ("the Keras model", predict(model, samples.judging)),
        "trained": None if simulated is None else predict_all(simulated, samples.judging),
    }


def _class_numbers(model: tf_keras.Model, samples: Samples | None, progress: Progress) -> NDArray[np.int64] | None:
    """The classes of the samples that judge; None, and why is said, where their labels are no classes of the output."""
    if samples is None or samples.judging.labels is None:
        return None
    shapes = [tuple(tensor.shape) for tensor in model.outputs]
    try:
        if len(shapes) != 1 or len(shapes[0]) != 2:
            raise DataError(f"the outputs are {', '.join(map(str, shapes))}, and one of [samples, classes] has classes")
        return class_numbers(samples.judging.labels, len(samples.judging), max(2, shapes[0][1]))
    except DataError as error:
        progress.say(f"accuracy is not compared: {error}")
        return None


def _scores(model: tf_keras.Model, *, is_classifier: bool) -> Scores:
    """What the outputs hold, by the layer that makes them."""
    if is_probability(model.outputs[0]):
        return "probabilities"
    return "logits" if is_classifier else "values"
