"""What was measured of a model: latency, quality, and comparisons."""

from __future__ import annotations

from typing import Any, Literal

import pydantic

from qat_kit.results.device import Agreement, DeviceState
from qat_kit.results.instructions import Instructions, Throughput
from qat_kit.results.quality import PairedTest, Quality
from qat_kit.results.record import Record
from qat_kit.results.robustness import RobustnessPoint, TrainTestGap


class Latency(Record):
    """Time of one inference at batch 1, without copying the input in or the output out.

    p50_low_ms, p50_high_ms: the 95 % interval of the median, were the runs independent. init_ms: reading the file and
    laying out its tensors; first_ms: the first inference, its input's copying included; None where not measured.
    """

    kernel_set: str
    num_threads: int
    num_runs: int
    num_warm_up_runs: int
    mean_ms: float
    std_ms: float
    min_ms: float
    p5_ms: float
    p50_ms: float
    p50_low_ms: float
    p50_high_ms: float
    p90_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    init_ms: float | None = None
    first_ms: float | None = None
    warm_up_mean_ms: float | None = None


class ModelMeasurement(Record):
    """One form of the model (`name`: float, qat_simulated, float32_tflite, int8_tflite), measured.

    quality: of the first output; None where no data was given. outputs: of each output by its name, where the model has
    several. throughput, instructions: where they were asked for.
    """

    name: str
    quality: Quality | None
    size_bytes: int
    latency: Latency
    outputs: dict[str, Quality] = pydantic.Field(default_factory=dict)
    throughput: tuple[Throughput, ...] = ()
    instructions: Instructions | None = None


class Comparison(Record):
    """A candidate against its baseline on the same samples.

    lost: right before, wrong now. gained: wrong before, right now. flipped: the answer changed, right or wrong.
    p_value: exact McNemar test of lost against gained. drop_low_points, drop_high_points: the 95 % interval of the drop
    by bootstrap, samples drawn anew in pairs.
    """

    baseline: str
    candidate: str
    num_samples: int
    accuracy_drop_points: float
    lost: int
    gained: int
    flipped: int
    p_value: float
    drop_low_points: float | None = None
    drop_high_points: float | None = None


class DeviceMeasurement(Record):
    """What was measured of a model on another machine than the one that drives the measurement.

    kind: `emulated`, whose clock says nothing, or `android`. models: as in `Measurement`. agreements: of its answers
    with others'. instructions: kernel set → how many one inference takes. before, after: how hot and how charged it
    was. notes: what a reader of the figures must know. is_partial: the device was lost, or stopped, in the middle.
    """

    name: str
    kind: Literal["emulated", "android"]
    models: tuple[ModelMeasurement, ...] = ()
    agreements: tuple[Agreement, ...] = ()
    instructions: dict[str, int] = pydantic.Field(default_factory=dict)
    environment: dict[str, str] = pydantic.Field(default_factory=dict)
    before: DeviceState | None = None
    after: DeviceState | None = None
    notes: tuple[str, ...] = ()
    is_partial: bool = False


class DeviceMeasurements(Record):
    """Several devices, as they are written into one file."""

    devices: tuple[DeviceMeasurement, ...]


class Measurement(Record):
    """What was measured of all forms of one model, and where.

    paired: figure by figure, each against the first. robustness: on disturbed inputs, the last against the first;
    gap: the same two on training data and test data. devices: the same files elsewhere. is_partial: it was kept before
    all that was asked for had been measured, and goes no further than the stages that were done.
    """

    format_version: Literal[2] = 2
    models: tuple[ModelMeasurement, ...]
    comparisons: tuple[Comparison, ...] = ()
    paired: tuple[PairedTest, ...] = ()
    robustness: tuple[RobustnessPoint, ...] = ()
    gap: TrainTestGap | None = None
    environment: dict[str, str] = pydantic.Field(default_factory=dict)
    devices: tuple[DeviceMeasurement, ...] = ()
    is_partial: bool = False

    def __getitem__(self, name: str) -> ModelMeasurement:
        return next(model for model in self.models if model.name == name)

    def with_figures(self, name: str, **figures: Any) -> Measurement:
        """The same with these fields of one model in place of what they were."""
        models = (model.model_copy(update=figures) if model.name == name else model for model in self.models)
        return self.model_copy(update={"models": tuple(models)})

    def with_device(self, device: DeviceMeasurement) -> Measurement:
        """The same with one more device, in the place of one of that name."""
        others = (each for each in self.devices if each.name != device.name)
        return self.model_copy(update={"devices": (*others, device)})
