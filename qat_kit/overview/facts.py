"""The facts of runs, gathered from their folders: `gather`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from qat_kit.debug import LayerComparison
from qat_kit.errors import DataError
from qat_kit.manifest import Manifest, decode_all
from qat_kit.measure.cost import file_cost
from qat_kit.measure.flips import load_flips
from qat_kit.overview.weights import WeightHistogram, weight_histograms
from qat_kit.report.png import png_address
from qat_kit.results import Certificate, Cost, Measurement, Record, RobustnessPoint, TrainingHistory, TrainTestGap
from qat_kit.version import __version__

CERTIFICATE, MANIFEST, MEASUREMENT = "certificate.json", "manifest.json", "measurement.json"
HISTORY, FLIPS = "training.json", "flips.npz"
# What `qat-kit debug` and `qat-kit compare --robustness` write where they are told to write it there.
LAYERS, ROBUSTNESS = "debug.json", "robustness.json"
FLOAT_FILE = "model.float32.tflite"

_CHANNELS = (1, 3)
_PICTURE_AT_MOST = 96


class KernelAgreement(Record):
    """What one of LiteRT's kernel sets answers to the golden inputs, beside the first set that ran them.

    largest: the largest difference in steps of the output; refusal: why the set does not run the file.
    """

    kernel_set: str
    num_values: int = 0
    num_differing: int = 0
    largest: float = 0.0
    refusal: str = ""


class Flip(Record):
    """A test sample whose answer int8 changed. picture: a `data:` address, None where the sample is no picture."""

    index: int
    label: int
    before: int
    after: int
    picture: str | None = None


class RunFacts(Record):
    """One run. folder: its own name, without the way to it. costs: of its files. layers, robustness: if asked for.
    weights: of the int8 file."""

    folder: str
    manifest: Manifest
    certificate: Certificate
    measurement: Measurement
    costs: dict[str, Cost]
    kernel_sets: tuple[KernelAgreement, ...] = ()
    history: TrainingHistory | None = None
    layers: LayerComparison | None = None
    flips: tuple[Flip, ...] = ()
    robustness: tuple[RobustnessPoint, ...] = ()
    gap: TrainTestGap | None = None
    weights: tuple[WeightHistogram, ...] = ()

    @property
    def title(self) -> str:
        """The recipe's name, and the folder's where that says more."""
        name = self.manifest.name
        return name if name == self.folder else f"{name} ({self.folder})"


class Overview(Record):
    """Several runs side by side, or one."""

    format_version: Literal[1] = 1
    version: str
    runs: tuple[RunFacts, ...]


def gather(folders: Sequence[Path]) -> Overview:
    """Reads the folders of finished runs; raises DataError where one is none."""
    if not folders:
        raise DataError("there is no run to report: give the folder of one or several")
    return Overview(version=__version__, runs=tuple(_run(folder) for folder in folders))


def _run(folder: Path) -> RunFacts:
    missing = next((name for name in (MANIFEST, CERTIFICATE, MEASUREMENT) if not (folder / name).is_file()), None)
    if missing is not None:
        raise DataError(
            f"{folder} holds no finished run: it has no {missing}. `qat-kit run` makes one, or goes on with it"
        )
    manifest = Manifest.load(folder / MANIFEST)
    files = {"float32_tflite": FLOAT_FILE, "int8_tflite": manifest.files[0].name}
    disturbed = Measurement.load(folder / ROBUSTNESS) if (folder / ROBUSTNESS).is_file() else None
    return RunFacts(
        folder=folder.resolve().name,
        manifest=manifest.model_copy(update={"golden": None}),
        certificate=Certificate.load(folder / CERTIFICATE),
        measurement=Measurement.load(folder / MEASUREMENT),
        costs={name: file_cost(folder / file) for name, file in files.items() if (folder / file).is_file()},
        kernel_sets=tuple(_agreement(manifest)),
        history=TrainingHistory.load(folder / HISTORY) if (folder / HISTORY).is_file() else None,
        layers=LayerComparison.load(folder / LAYERS) if (folder / LAYERS).is_file() else None,
        flips=tuple(_flips(folder / FLIPS)) if (folder / FLIPS).is_file() else (),
        weights=weight_histograms(folder / manifest.files[0].name),
        robustness=disturbed.robustness if disturbed else (),
        gap=disturbed.gap if disturbed else None,
    )


def _agreement(manifest: Manifest) -> list[KernelAgreement]:
    """The golden outputs of every kernel set against those of the first."""
    if manifest.golden is None:
        return []
    answers = {kernel_set: decode_all(outputs) for kernel_set, outputs in manifest.golden.outputs.items()}
    first = next(iter(answers.values()), {})
    found = []
    for kernel_set, outputs in answers.items():
        gaps = [np.abs(outputs[name].astype(np.float64) - array.astype(np.float64)) for name, array in first.items()]
        found.append(
            KernelAgreement(
                kernel_set=kernel_set,
                num_values=sum(gap.size for gap in gaps),
                num_differing=sum(int((gap > 0).sum()) for gap in gaps),
                largest=max((float(gap.max()) for gap in gaps if gap.size), default=0.0),
            )
        )
    refused = manifest.golden.refusals.items()
    return found + [KernelAgreement(kernel_set=kernel_set, refusal=reason) for kernel_set, reason in refused]


def _flips(path: Path) -> list[Flip]:
    kept = load_flips(path)
    low, high = float(kept["inputs"].min()), float(kept["inputs"].max())
    return [
        Flip(
            index=int(kept["indices"][place]),
            label=int(kept["labels"][place]),
            before=int(kept["before"][place]),
            after=int(kept["after"][place]),
            picture=_picture(sample, low, high),
        )
        for place, sample in enumerate(kept["inputs"])
    ]


def _picture(sample: NDArray[Any], low: float, high: float) -> str | None:
    """A sample as a picture, its darkest value black and its lightest white over all samples shown."""
    if sample.ndim != 3 or sample.shape[2] not in _CHANNELS or min(sample.shape[:2]) < 2:
        return None
    step = -(-max(sample.shape[:2]) // _PICTURE_AT_MOST)
    pixels = (255 * (sample[::step, ::step].astype(np.float64) - low) / ((high - low) or 1)).round().astype(np.uint8)
    return png_address(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
