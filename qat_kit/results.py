"""What each stage hands to the next: typed, frozen, free of TensorFlow.

What is kept as a file is a pydantic model, the same in JSON as in memory (`save`, `load`); what lives only within a
process is a dataclass and may hold a Keras model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

import pydantic

from qat_kit.errors import DataError
from qat_kit.files import read_text, write_text
from qat_kit.vocabulary import IoType, Task

if TYPE_CHECKING:
    import tf_keras

    from qat_kit.schemes import QuantScheme
    from qat_kit.targets import Target


class Record(pydantic.BaseModel):
    """A result that is also a JSON file."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")

    def save(self, path: Path) -> Path:
        """Writes the record as JSON, under a temporary name first."""
        return write_text(path, self.model_dump_json(indent=2) + "\n")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads what `save` wrote; raises DataError when it is something else."""
        try:
            return cls.model_validate_json(read_text(path))
        except pydantic.ValidationError as error:
            first = error.errors()[0]
            where = "".join(f"{part}: " for part in first["loc"])
            raise DataError(
                f"{path} is not a {cls.__name__} of this version of qat_kit: {where}{first['msg']}"
            ) from None


# ---------------------------------------------------------------------------------------------- in memory


@dataclass(frozen=True, kw_only=True)
class PreparedModel:
    """One flat Functional tf_keras model without batch norm, whose every layer can be quantized.

    origins: layer of this model → the layers of the user's model that it carries (for messages).
    """

    model: tf_keras.Model
    origins: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class QatModel:
    """A prepared model whose layers stand in fake-quantizing wrappers; its ranges are calibrated."""

    model: tf_keras.Model
    scheme: QuantScheme
    target: Target
    origins: Mapping[str, tuple[str, ...]]


# ---------------------------------------------------------------------------------------------- certificate


Severity = Literal["fail", "warn"]


class Finding(Record):
    """One thing that is wrong in a file, where it is, and what to do. subgraph: where it is not the first."""

    message: str
    remedy: str
    op: str | None = None
    op_index: int | None = None
    tensor: str | None = None
    layer: str | None = None
    subgraph: int | None = None

    @property
    def line(self) -> str:
        """The finding for people: where, what, and the remedy."""
        graph = f"subgraph {self.subgraph}" if self.subgraph else ""
        operator = f"operator {self.op_index} {self.op}" if self.op else ""
        layer = f"layer {self.layer!r}" if self.layer else ""
        place = ", ".join(part for part in (graph, operator, layer) if part)
        return f"{place}: {self.message}; {self.remedy}" if place else f"{self.message}; {self.remedy}"


class Check(Record):
    """One demand on a file: what is asked (with its source), and every place that breaks it.

    severity: "fail" where a finding makes the file other than it must be, "warn" where it is advice.
    """

    name: str
    rule: str
    findings: tuple[Finding, ...] = ()
    severity: Severity = "fail"

    @property
    def passed(self) -> bool:
        """Whether there is no finding that fails the file."""
        return not self.findings or self.severity == "warn"


class TrainedTensor(Record):
    """The quantization parameters that training used for one tensor.

    scale: float32 values, one per tensor or per channel. zero_point: as many. layer: the Keras layer.
    sha256: of the integer weights in the file's own layout and byte order, unpacked to int8; None where not recorded.
    """

    scale: tuple[float, ...] = pydantic.Field(min_length=1)
    zero_point: tuple[int, ...]
    num_bits: int
    layer: str
    sha256: str | None = None

    @pydantic.model_validator(mode="after")
    def _check_lengths(self) -> Self:
        if len(self.scale) != len(self.zero_point):
            raise ValueError(f"{len(self.scale)} scales need as many zero points, received {len(self.zero_point)}")
        return self


class TrainedTensors(Record):
    """What training hands to the certificate (`tensors.json`): Keras layer → its output, its weights, its bias.

    biases: real numbers, one an output channel.
    """

    format_version: Literal[1] = 1
    outputs: dict[str, TrainedTensor] = pydantic.Field(default_factory=dict)
    weights: dict[str, TrainedTensor] = pydantic.Field(default_factory=dict)
    biases: dict[str, tuple[pydantic.FiniteFloat, ...]] = pydantic.Field(default_factory=dict)


class Figures(Record):
    """What a file holds and costs, as far as it can be read off it.

    contents: types of activations and weights, in words. num_macs: products of one inference. arena_bytes: what
    LiteRT's planner lays out for activations, without the kernels' own scratch memory. minimum_runtime: the oldest
    TensorFlow Lite that has every operator's version; None where one is of none. judged_operators: those of which the
    target's table speaks. accelerated_operators, accelerated_macs: of these, what the target's own kernels take.
    """

    contents: str
    num_macs: int
    constant_bytes: int
    arena_bytes: int
    minimum_runtime: str | None = None
    judged_operators: int = 0
    accelerated_operators: int = 0
    accelerated_macs: int = 0


class Certificate(Record):
    """The proof of a `.tflite` file: every check that was made, bound to the file by its hash.

    scheme: what the file was to be. io: the type that inputs and outputs were to have. target: the runtime whose
    demands were looked at.
    """

    format_version: Literal[1] = 1
    sha256: str
    size_bytes: int
    scheme: str | None = None
    io: IoType | None = None
    target: str | None = None
    num_operators: int
    num_tensors: int
    figures: Figures | None = None
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        return all(check.passed for check in self.checks)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What makes the file other than it must be."""
        return tuple(finding for check in self.checks if not check.passed for finding in check.findings)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """Advice: the file is what it must be all the same."""
        return tuple(finding for check in self.checks if check.passed for finding in check.findings)

    @property
    def verdict(self) -> str:
        """One line for people."""
        kind = _kind(self.scheme, self.io)
        advice = f", {_count(len(self.warnings), 'warning')}" if self.warnings else ""
        if self.passed:
            return f"{kind}: {self.num_operators} operators, {len(self.checks)} checks, no finding{advice}"
        failed = [check.name for check in self.checks if not check.passed]
        return f"NOT {kind}: {_count(len(self.findings), 'finding')} in {', '.join(failed)}{advice}"


def _kind(scheme: str | None, io: IoType | None) -> str:
    """What a file is said to be."""
    if scheme in (None, "w8a8"):
        kind = "fully int8"
    elif scheme is not None and ("_dynamic" in scheme or "_weight_only" in scheme or scheme.startswith("fp")):
        kind = f"as scheme {scheme} says, float activations"
    else:
        kind = f"fully integer ({scheme})"
    names = {"float32": " between float input and output", "uint8": " between uint8 input and output"}
    return kind + (names.get(io, "") if io is not None else "")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


# ---------------------------------------------------------------------------------------------- measurement


class Latency(Record):
    """Time of one inference at batch 1, without copying the input in or the output out."""

    kernel_set: str
    num_threads: int
    num_runs: int
    num_warm_up_runs: int
    mean_ms: float
    min_ms: float
    p50_ms: float
    p90_ms: float
    p99_ms: float


class Quality(Record):
    """How good the answers are. Accuracy in [0, 1] with its 95 % Wilson interval; cross-entropy in nats."""

    task: Task
    num_samples: int
    accuracy: float | None = None
    accuracy_low: float | None = None
    accuracy_high: float | None = None
    cross_entropy: float | None = None
    mean_squared_error: float | None = None
    mean_absolute_error: float | None = None


class ModelMeasurement(Record):
    """One form of the model (`name`: float, qat_simulated, float32_tflite, int8_tflite), measured.

    quality: None where no data was given.
    """

    name: str
    quality: Quality | None
    size_bytes: int
    latency: Latency


class Comparison(Record):
    """A candidate against its baseline on the same samples.

    lost: right before, wrong now. gained: wrong before, right now. flipped: the answer changed, right or wrong.
    p_value: exact McNemar test of lost against gained.
    """

    baseline: str
    candidate: str
    num_samples: int
    accuracy_drop_points: float
    lost: int
    gained: int
    flipped: int
    p_value: float


class Measurement(Record):
    """What was measured of all forms of one model, and where."""

    format_version: Literal[1] = 1
    models: tuple[ModelMeasurement, ...]
    comparisons: tuple[Comparison, ...] = ()
    environment: dict[str, str] = pydantic.Field(default_factory=dict)

    def __getitem__(self, name: str) -> ModelMeasurement:
        return next(model for model in self.models if model.name == name)
