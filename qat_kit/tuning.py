"""What a user may change of quantization-aware training: `Tuning`, the part of a run's settings that is about it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pydantic

from qat_kit.schemes import ActivationRanges, QuantScheme, WeightRanges

_Positive = Annotated[float, pydantic.Field(gt=0, allow_inf_nan=False)]
_NotNegative = Annotated[float, pydantic.Field(ge=0, allow_inf_nan=False)]
_Share = Annotated[float, pydantic.Field(ge=0, le=1)]


def _list(value: object) -> object:
    """Text as a list: `6,5`; empty text is an empty one."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def read_pairs(value: object) -> object:
    """Text as name → number: `conv1:0.5,conv2:0`."""
    if not isinstance(value, str):
        return value
    pairs = (part.rpartition(":") for part in value.split(",") if part.strip())
    return {name.strip(): share for name, _, share in pairs}


class Tuning(pydantic.BaseModel):
    """How quantization-aware training goes; `docs/training.md` says when which of these is worth trying.

    weight_ranges, activation_ranges, binary_gradient: as in `LayerScheme`; None: the scheme's own.
    warm_up_epochs, clip_norm, weight_decay, average_decay, select_by, patience: as in `TrainingSettings`.
    penalty, bits, freeze, distillation_weight, temperature, features, feature_weight, evaluate_every,
    fallback_to_last: as in `QatOptions`. tensorboard: write each epoch's figures to `tensorboard/` in the run's folder.

    >>> Tuning(bits="6,5", freeze="stem*:0.5").freeze
    {'stem*': 0.5}
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    weight_ranges: WeightRanges | None = None
    activation_ranges: ActivationRanges | None = None
    binary_gradient: Literal["straight_through", "approximate_sign"] | None = None
    warm_up_epochs: _NotNegative = 1.0
    clip_norm: _Positive | None = None
    weight_decay: _Positive | None = None
    average_decay: Annotated[float, pydantic.Field(gt=0, lt=1)] | None = None
    select_by: str | None = None
    patience: Annotated[int, pydantic.Field(ge=1)] | None = None
    penalty: _NotNegative = 0.0
    bits: Annotated[tuple[int, ...], pydantic.BeforeValidator(_list)] = ()
    freeze: Annotated[dict[str, _Share], pydantic.BeforeValidator(read_pairs)] = {}
    distillation_weight: _Share = 0.0
    temperature: _Positive = 4.0
    features: Annotated[tuple[str, ...], pydantic.BeforeValidator(_list)] = ()
    feature_weight: _NotNegative = 1.0
    evaluate_every: Annotated[int, pydantic.Field(ge=0)] = 0
    fallback_to_last: bool = False
    tensorboard: bool = False

    def scheme_for(self, scheme: QuantScheme) -> QuantScheme:
        """The scheme with the ways of training that differ from its own."""
        return scheme.trained_by(
            **{name: value for name in SCHEME_FIELDS if (value := getattr(self, name)) is not None}
        )

    def values(self, names: tuple[str, ...]) -> dict[str, Any]:
        """Some of the fields, as arguments."""
        return {name: getattr(self, name) for name in names}


SCHEME_FIELDS = ("weight_ranges", "activation_ranges", "binary_gradient")
# Those of `TrainingSettings` and of `QatOptions`.
TRAINING_FIELDS = ("warm_up_epochs", "clip_norm", "weight_decay", "average_decay", "select_by", "patience")
OPTION_FIELDS = (
    *("penalty", "bits", "freeze", "distillation_weight", "temperature", "features", "feature_weight"),
    *("evaluate_every", "fallback_to_last"),
)
