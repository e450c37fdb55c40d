"""A Keras model that never saw quantization-aware training, to a `.tflite` file, its manifest and its certificate."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.convert import build_manifest, convert, golden_vectors, publish, write_metadata
from qat_kit.convert.artifact import kind_of, names_for
from qat_kit.convert.job import Mode
from qat_kit.convert.process import Limits
from qat_kit.datasets import Split
from qat_kit.datasets.selection import choose_indices
from qat_kit.datasets.sources import SampleSource
from qat_kit.errors import CertificateError, DataError, SchemeError
from qat_kit.manifest import Artifact, Calibration
from qat_kit.prepare import prepare, save_for_conversion
from qat_kit.progress import Progress, SilentProgress
from qat_kit.results import Certificate, TrainedTensors
from qat_kit.schemes import get_scheme
from qat_kit.simulation import export_simulated, simulate, trained_tensors
from qat_kit.targets import get_target
from qat_kit.training import DETERMINISM
from qat_kit.verify import verify
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
    num_samples: int = 128,
    selection: Selection = "first",
    scores: Scores | None = None,
    class_names: tuple[str, ...] = (),
    description: str = "",
    no_user_data: bool = False,
    input_shapes: Any = None,
    seed: int = 0,
    limits: Limits | None = None,
    log: Path | None = None,
    progress: Progress | None = None,
) -> Conversion:
    """Writes the file, its manifest and its certificate to `folder`.

    The file is called `model.tflite` when it is proven fully int8, inputs and outputs too, and `model.<scheme>.tflite`
    otherwise. num_samples: how many of `representative` to use (all of fewer, when `selection` is `all`).
    input_shapes: as `prepare` takes them.

    Raises SchemeError for a scheme that needs training, DataError where it needs representative data and there is none,
    CertificateError (and no file is left) when the file is not what the scheme says.
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
    names = tuple(prepared.model.input_names)
    samples, calibration = None, None
    if representative is not None:
        with progress.track("reading representative data", 1) as advance:
            indices = choose_indices(
                representative.size,
                num_samples,
                how=selection,
                labels=representative.labels,
                features=lambda: layer_extremes(prepared.model, representative.read(np.arange(representative.size))),
                seed=seed,
            )
            samples = representative.read(indices)
            advance(1)
        if quantization.name in _NEEDS_DATA:
            calibration = Calibration(
                sha256=samples.sha256,
                num_samples=len(samples),
                indices=tuple(int(index) for index in indices),
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
        if quantization.name in _NEEDS_DATA and samples is not None:
            with progress.track("calibration", 1) as advance:
                batches = list(samples.batches(_BATCH))
                qat = simulate(prepared, batches, scheme=quantization, target=runtime, estimator=estimator).model
                advance(1)
            trained = trained_tensors(qat)
            source = export_simulated(qat, work / "saved_model")
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

        def certify() -> Certificate:
            return verify(
                candidate,
                scheme_name=quantization,
                io=interface,
                target=runtime,
                expected=trained,
                layers=tuple(prepared.origins),
            )

        certificate = certify()
        scores = scores or _scores(prepared.model, class_names)
        if certificate.passed:
            write_metadata(
                candidate,
                certificate,
                name=prepared.model.name,
                description=description,
                scores=scores,
                class_names=class_names,
                preprocessing=None if representative is None else representative.preprocessing,
            )
            # It is bound to the file as it is now; what it proves is the same.
            certificate = certify()
        file_names = names_for(quantization.name, interface)
        # What lies there of an earlier conversion is not what this certificate speaks of.
        for name in (file_names.model, file_names.manifest):
            (folder / name).unlink(missing_ok=True)
        certificate.save(folder / file_names.certificate)
        if not certificate.passed:
            raise CertificateError(
                "\n".join(
                    [f"there is no file: {certificate.verdict}", *(f"  {f.line}" for f in certificate.findings[:8])]
                )
            )
        if trained is not None:
            trained.save(folder / file_names.tensors)
        golden_samples = None
        if samples is not None and not no_user_data:
            golden_samples = dict(zip(names, samples.inputs, strict=True))
        manifest = build_manifest(
            candidate,
            certificate,
            file_name=file_names.model,
            kind=kind_of(quantization.name, interface),
            name=prepared.model.name,
            description=description,
            task=None,
            scores=scores,
            class_names=class_names,
            calibration=calibration,
            golden=golden_vectors(candidate, golden_samples, seed=seed),
            scheme=quantization.name,
            target=runtime.name,
            seed=seed,
            determinism=DETERMINISM,
            settings={"mode": mode, "interface": interface, "no_user_data": no_user_data},
        )
        return Conversion(
            artifact=publish(candidate, manifest, folder, manifest_name=file_names.manifest), certificate=certificate
        )


def layer_extremes(model: tf_keras.Model, split: Split) -> NDArray[np.float32]:
    """The smallest and the largest value of each layer's output for each sample: [samples, 2 · layers]."""
    import tf_keras

    watched = tf_keras.Model(model.inputs, [layer.output for layer in model.layers])

    def extremes(batch: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        outputs = watched.predict_on_batch(batch[0] if len(batch) == 1 else list(batch))
        outputs = outputs if isinstance(outputs, list) else [outputs]
        flat = [np.asarray(output).reshape(len(batch[0]), -1) for output in outputs]
        return np.stack([end(values, axis=1) for values in flat for end in (np.min, np.max)], axis=1)

    return np.concatenate([extremes(batch) for batch in split.batches(_BATCH)])


def _scores(model: tf_keras.Model, class_names: tuple[str, ...]) -> Scores:
    """What the outputs hold, by the layer that makes them."""
    last = model.outputs[0].node.layer
    activation = getattr(getattr(last, "activation", None), "__name__", "")
    if activation in ("softmax", "sigmoid") or type(last).__name__ == "Softmax":
        return "probabilities"
    return "logits" if class_names else "values"
