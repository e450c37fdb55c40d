"""How training went."""

from __future__ import annotations

from typing import Literal

import pydantic

from qat_kit.results.record import Record


class TrainingHistory(Record):
    """Loss and validation loss of each epoch, by stage: `float`, `qat` (`training.json`)."""

    format_version: Literal[1] = 1
    stages: dict[str, tuple[dict[str, float], ...]] = pydantic.Field(default_factory=dict)
