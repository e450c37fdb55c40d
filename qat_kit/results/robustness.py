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


class TrainTestGap(Record):
    """The leading figure on training data less that on test data, of two models; change: candidate − baseline.

    Intervals are of 95 %, by bootstrap; that of the change takes the same samples for both.
    """

    figure: str
    higher_is_better: bool
    num_train: int
    num_test: int
    baseline: float
    candidate: float
    baseline_interval: tuple[float, float]
    candidate_interval: tuple[float, float]
    change: float
    low: float
    high: float
