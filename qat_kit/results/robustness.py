"""What disturbed inputs do to two models."""

from __future__ import annotations

from qat_kit.results.quality import PairedTest
from qat_kit.results.record import Record


class RobustnessPoint(Record):
    """Two models on the same disturbed inputs. unit: what a strength is; strength 0: undisturbed."""

    perturbation: str
    unit: str
    strength: float
    test: PairedTest
