"""How to train: plain numbers, and what they mean for the epochs that were trained so far."""

from __future__ import annotations

import math
from dataclasses import dataclass

from qat_kit.errors import SettingsError

History = list[dict[str, float]]

# In the names of figures.
_LOWER_IS_BETTER = ("loss", "error", "entropy")


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """How to train.

    learning_rate: the peak, reached after `warm_up_epochs` and then falling to zero as a cosine. clip_norm: of all
    gradients together; weight_decay: of kernels and embeddings, decoupled from the gradient (AdamW); average_decay: of
    a moving average of the weights, which is what is validated and kept; None for none of each.
    select_by: the figure of the history whose best epoch is kept, such as `validation_loss`; losses, errors and
    entropies are better when lower, all else when higher. None keeps the last epoch. patience: end when that figure has
    not improved for so many epochs that have it.

    Raises SettingsError for a number out of range, and for patience without a figure.
    """

    epochs: int
    batch_size: int = 32
    learning_rate: float = 1e-3
    warm_up_epochs: float = 1.0
    seed: int = 0
    clip_norm: float | None = None
    weight_decay: float | None = None
    average_decay: float | None = None
    select_by: str | None = None
    patience: int | None = None

    def __post_init__(self) -> None:
        for name in ("clip_norm", "weight_decay"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise SettingsError(f"{name} must be positive, or None for none; received {value}")
        if self.average_decay is not None and not 0 < self.average_decay < 1:
            raise SettingsError(f"average_decay must lie between 0 and 1, such as 0.999; received {self.average_decay}")
        if self.patience is not None and (self.patience < 1 or self.select_by is None):
            raise SettingsError(
                f"patience = {self.patience} and select_by = {self.select_by!r}: patience is a number of epochs, 1 or "
                "more, without a better figure, and select_by names the figure"
            )


def best_epoch(history: History, select_by: str) -> int | None:
    """The epoch (from 0) with the best figure, the first of equals; None where no epoch has it.

    >>> best_epoch([{"loss": 3.0}, {"loss": 1.0}, {"loss": 1.0}], "loss")
    1
    >>> best_epoch([{"int8_accuracy": 0.5}, {}, {"int8_accuracy": 0.7}], "int8_accuracy")
    2
    >>> best_epoch([{"equal_error_rate": 0.1}, {"equal_error_rate": 0.2}], "equal_error_rate")
    0
    >>> best_epoch([{"int8_mean_iou": 0.1}, {"int8_mean_iou": 0.2}], "int8_mean_iou")
    1
    """
    sign = 1.0 if any(word in select_by for word in _LOWER_IS_BETTER) else -1.0
    found = [(sign * figures[select_by], epoch) for epoch, figures in enumerate(history) if select_by in figures]
    return min(found)[1] if found else None


def is_over(history: History, settings: TrainingSettings) -> bool:
    """Whether training ends here, before its last epoch: the figure has not improved for too long.

    >>> stopping = TrainingSettings(epochs=9, select_by="validation_loss", patience=2)
    >>> losses = [3.0, 1.0, 2.0, 1.5]
    >>> [is_over([{"validation_loss": loss} for loss in losses[:count]], stopping) for count in (2, 3, 4)]
    [False, False, True]
    """
    if settings.patience is None or settings.select_by is None:
        return False
    best = best_epoch(history, settings.select_by)
    behind = history[best + 1 :] if best is not None else []
    return sum(settings.select_by in figures for figures in behind) >= settings.patience
