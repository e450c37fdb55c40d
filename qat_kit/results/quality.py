"""How good a model's answers are, and how two models' answers differ."""

from __future__ import annotations

import pydantic

from qat_kit.results.record import Record


class Figure(Record):
    """One figure of a model's answers. low, high: its 95 % interval, None where none was computed."""

    value: float
    low: float | None = None
    high: float | None = None
    higher_is_better: bool = True
    unit: str = ""


class ClassFigures(Record):
    """The answers as far as one class is concerned; precision is None where it was never the answer."""

    count: int
    precision: float | None
    recall: float
    f1: float


class Quality(Record):
    """How good the answers are: figures by name, the one that leads first.

    task: a name of `qat_kit.measure.metrics`. classes: those that the test data has. confusion: how many samples of a
    class (row) got which answer (column), empty for more than 100 classes. curves: name → points (x, y). notes: what a
    reader of the figures must know.
    """

    task: str
    num_samples: int
    figures: dict[str, Figure]
    classes: dict[int, ClassFigures] = pydantic.Field(default_factory=dict)
    confusion: tuple[tuple[int, ...], ...] = ()
    curves: dict[str, tuple[tuple[float, float], ...]] = pydantic.Field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def headline(self) -> str:
        """The name of the figure that leads."""
        return next(iter(self.figures))

    @property
    def accuracy(self) -> float | None:
        """Share of right answers, 0 to 1; None where answers are not right or wrong."""
        return self._value("accuracy")

    @property
    def accuracy_low(self) -> float | None:
        """Where its 95 % interval begins."""
        return self.figures["accuracy"].low if "accuracy" in self.figures else None

    @property
    def accuracy_high(self) -> float | None:
        """Where its 95 % interval ends."""
        return self.figures["accuracy"].high if "accuracy" in self.figures else None

    @property
    def cross_entropy(self) -> float | None:
        """In nats."""
        return self._value("cross_entropy")

    @property
    def mean_squared_error(self) -> float | None:
        return self._value("mean_squared_error")

    @property
    def mean_absolute_error(self) -> float | None:
        return self._value("mean_absolute_error")

    def _value(self, name: str) -> float | None:
        return self.figures[name].value if name in self.figures else None


class Difference(Record):
    """One figure of two models on the same samples, and candidate − baseline with its 95 % interval over samples.

    p_value: how likely a difference this large is where there is none; of a share of right answers by the exact
    McNemar test, of all else by the paired bootstrap.
    """

    baseline: float
    candidate: float
    difference: float
    low: float
    high: float
    p_value: float
    higher_is_better: bool = True
    unit: str = ""


class PairedTest(Record):
    """A candidate against its baseline on the same samples, figure by figure. output: its name, of several."""

    baseline: str
    candidate: str
    task: str
    num_samples: int
    differences: dict[str, Difference]
    output: str = ""
