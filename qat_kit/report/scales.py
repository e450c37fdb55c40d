"""From values to places in a picture: linear and logarithmic scales with round ticks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

# Below this ratio of its ends, a logarithmic scale has the ticks of a linear one.
_DECADE = 12.0


@dataclass(frozen=True, kw_only=True)
class Scale:
    """One axis of a chart.

    low, high: what its ends stand for; start, end: where these are, in pixels. whole: ticks at whole numbers alone.
    """

    label: str
    low: float
    high: float
    start: float = 0.0
    end: float = 1.0
    logarithmic: bool = False
    percent: bool = False
    whole: bool = False

    def __call__(self, value: float) -> float:
        """Where a value lies; values beyond the ends lie at them."""
        low, high, at = (math.log10(part) if self.logarithmic else part for part in (self.low, self.high, value))
        share = min(1.0, max(0.0, (at - low) / (high - low)))
        return self.start + share * (self.end - self.start)

    def between(self, start: float, end: float) -> Scale:
        """The same scale in another place."""
        return Scale(**{**self.__dict__, "start": start, "end": end})

    def ticks(self, count: int = 5) -> list[float]:
        """Round values, some `count` of them, from end to end.

        >>> Scale(label="", low=0.0, high=0.97).ticks()
        [0.0, 0.2, 0.4, 0.6, 0.8]
        >>> Scale(label="", low=1500, high=120_000, logarithmic=True).ticks()
        [2000, 5000, 10000, 20000, 50000, 100000]
        """
        if self.logarithmic and self.high / self.low > _DECADE:
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            steps = (1, 2, 5) if self.high / self.low < 200 else (1,)
            return [value for power in powers for step in steps if self.low <= (value := step * 10**power) <= self.high]
        raw = (self.high - self.low) / count
        power = 10.0 ** math.floor(math.log10(raw))
        step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * 0.85)
        step = max(1, round(step)) if self.whole else step
        first = math.ceil(self.low / step - 1e-9)
        return [round(number * step, 12) for number in range(first, math.floor(self.high / step + 1e-9) + 1)]

    def text(self, value: float) -> str:
        """A tick's words."""
        return f"{100 * value:.4g} %" if self.percent else short(value)


def scale_of(
    values: Sequence[float], label: str, *, logarithmic: bool = False, percent: bool = False, from_zero: bool = False
) -> Scale:
    """A scale with some room round the values."""
    low, high = min(values), max(values)
    if logarithmic:
        return Scale(label=label, low=low / 1.4, high=high * 1.4, logarithmic=True)
    room = 0.08 * (high - low) or 0.05 * abs(high) or 1.0
    bottom = 0.0 if from_zero else low - room
    top = high + room
    if percent:
        bottom, top = max(0.0, bottom), min(1.0, top) if high < 1 else 1.0
        bottom = min(bottom, top - 0.01)
    return Scale(label=label, low=bottom, high=top, percent=percent)


def short(value: float) -> str:
    """A number in few characters.

    >>> [short(value) for value in (29552, 0.0068, 1.5, 2_000_000, 0)]
    ['29.6 k', '0.0068', '1.5', '2 M', '0']
    """
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            divisor = 1e3 if unit == "k" else size
            return f"{value / divisor:.3g} {unit}" if abs(value / divisor) < 1000 else f"{value / divisor:.0f} {unit}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
