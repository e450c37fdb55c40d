"""What quantization-aware training does beside training: `QatOptions`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from qat_kit.errors import SettingsError


@dataclass(frozen=True, kw_only=True)
class QatOptions:
    """How a simulated model is trained, beside `TrainingSettings`.

    penalty: times `Σ mean((w − ŵ)²) / mean(w²)` over all kernels, which draws weights towards their grid.
    bits: for uniform weights below 8 bits: the bits of the first epochs, one after another, over the epochs in which
    ranges move; then those of the scheme. (6, 5) and w4a8 trains 6, 5 and 4 bits for a third of them each.
    freeze: glob over layer names → the share of the epochs behind which such layers stand still; 0: all of them.
    distillation_weight, temperature: of the teacher's answers; features: layers compared with the teacher's, with
    feature_weight. Both need a teacher. evaluate_every: measure the int8 file on the validation data behind every so
    many epochs and the last one; 0: never, unless `select_by` names a figure of the file: then 1. An epoch of more bits
    than the scheme's makes no file. fallback_to_last: keep the last epoch where `select_by` asks for validation data
    and there are none; else that is an error.
    log_folder: figures, ranges and weight errors of each epoch for TensorBoard; None: nowhere.

    Raises SettingsError for a number out of range.
    """

    penalty: float = 0.0
    bits: tuple[int, ...] = ()
    freeze: Mapping[str, float] = field(default_factory=dict)
    distillation_weight: float = 0.0
    temperature: float = 4.0
    features: tuple[str, ...] = ()
    feature_weight: float = 1.0
    evaluate_every: int = 0
    fallback_to_last: bool = False
    log_folder: Path | None = None

    def __post_init__(self) -> None:
        if self.penalty < 0 or self.evaluate_every < 0:
            raise SettingsError(
                f"penalty and evaluate_every must be 0 or more, received {self.penalty} and {self.evaluate_every}"
            )
        if any(later >= earlier for earlier, later in zip(self.bits, self.bits[1:], strict=False)) or any(
            not 3 <= bits <= 8 for bits in self.bits
        ):
            raise SettingsError(f"bits must fall from 8 at most to 3 at least, such as (6, 5); received {self.bits}")
        if any(not 0 <= share <= 1 for share in self.freeze.values()):
            raise SettingsError(f"freeze gives shares of the epochs, from 0 to 1; received {dict(self.freeze)}")

    @property
    def distils(self) -> bool:
        """Whether a teacher is needed."""
        return self.distillation_weight > 0 or bool(self.features)
