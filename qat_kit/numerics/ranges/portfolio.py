"""Per tensor, the estimator that held-out data shows to be best."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qat_kit.errors import NumericsError
from qat_kit.numerics.affine import fake_quantize
from qat_kit.numerics.blockwise import as_finite_array
from qat_kit.numerics.parameters import choose_qparams
from qat_kit.numerics.ranges.base import HistogramEstimator, Range, RangeEstimator
from qat_kit.numerics.ranges.histogram import Histogram
from qat_kit.numerics.ranges.registry import RANGE_ESTIMATORS, get_range_estimator
from qat_kit.numerics.types import TensorSpec

_HELD_OUT_EVERY, _MOST_HELD_OUT = 16, 65_536


@dataclass(frozen=True, kw_only=True)
class PortfolioChoice:
    """The estimator chosen, its range, and the mean squared error of every candidate on the held-out data."""

    name: str
    minimum: NDArray[np.float32]
    maximum: NDArray[np.float32]
    mean_squared_errors: Mapping[str, float]


class Portfolio:
    """All estimators at once, on one histogram; `choose` takes the one with the least error on data it has not seen.

    One estimator for every tensor is a mistake: KL calibration alone took EfficientNet-lite0 from 75.4 % to 31.1 %,
    where least squares kept 75.2 %.

    names: the candidates in order of preference where errors are equal; default: all but those that need settings.
    spec: the format of the tensor (per tensor granularity). Memory is that of one histogram, whatever the number
    of estimators that use it.

    Source of the figures: MQBench, Li et al. 2021, arXiv:2111.03759.

    >>> portfolio = Portfolio(spec=TensorSpec(num_bits=4))
    >>> random = np.random.default_rng(0)
    >>> portfolio.update(np.append(random.normal(size=10_000), 1000.0))
    >>> portfolio.choose(random.normal(size=10_000)).name != "min_max"
    True
    """

    def __init__(self, *, names: Sequence[str] = tuple(RANGE_ESTIMATORS), spec: TensorSpec | None = None) -> None:
        if not names:
            raise NumericsError("a portfolio needs at least one estimator, received none")
        self.spec = spec if spec is not None else TensorSpec()
        if self.spec.granularity != "per_tensor":
            raise NumericsError(f"a portfolio is for per-tensor formats, received {self.spec.granularity!r}")
        self._histogram = Histogram()
        self._estimators: dict[str, RangeEstimator] = {name: self._make(name) for name in names}

    def update(self, batch: ArrayLike) -> None:
        """Takes in a batch of any shape; raises NumericsError for NaN, infinity and an empty batch."""
        self._histogram.update(batch)
        for estimator in self._others():
            estimator.update(batch)

    def merge(self, other: Self) -> None:
        """Takes in all that another portfolio of the same names and format has seen."""
        if list(self._estimators) != list(other._estimators) or self.spec != other.spec:
            raise NumericsError(
                f"only portfolios of the same names and spec merge, received {list(self._estimators)} {self.spec} "
                f"and {list(other._estimators)} {other.spec}"
            )
        self._histogram.merge(other._histogram)
        for mine, theirs in zip(self._others(), other._others(), strict=True):
            mine.merge(theirs)

    def choose(self, held_out: ArrayLike) -> PortfolioChoice:
        """The range with the least mean squared error on held-out data of any shape."""
        data = as_finite_array(held_out)
        ranges = {name: estimator.range() for name, estimator in self._estimators.items()}
        errors = {}
        for name, (low, high) in ranges.items():
            simulated = fake_quantize(data, choose_qparams(low, high, self.spec))
            errors[name] = float(np.mean((data.astype(np.float64) - simulated) ** 2))
        best = min(errors, key=errors.__getitem__)
        low, high = ranges[best]
        return PortfolioChoice(name=best, minimum=low, maximum=high, mean_squared_errors=MappingProxyType(errors))

    def range_of(self, name: str) -> Range:
        """What one of the estimators says; raises NumericsError before the first batch."""
        return self._estimators[name].range()

    def _others(self) -> list[RangeEstimator]:
        """The estimators that keep a state of their own."""
        return [each for each in self._estimators.values() if not isinstance(each, HistogramEstimator)]

    def _make(self, name: str) -> RangeEstimator:
        takes_spec = name in RANGE_ESTIMATORS and "spec" in inspect.signature(RANGE_ESTIMATORS[name]).parameters
        estimator = get_range_estimator(name, **({"spec": self.spec} if takes_spec else {}))
        if isinstance(estimator, HistogramEstimator):
            estimator.histogram = self._histogram
        return estimator


class PortfolioEstimator:
    """A portfolio as one range estimator: the best of all for this tensor, by values that did not set the ranges.

    One value in 16 is held out, up to 65,536 of them; when the estimator is chosen they are taken in like the rest.

    >>> estimator = PortfolioEstimator()
    >>> estimator.update(np.linspace(-1.0, 1.0, 4096))
    >>> [round(float(end), 1) for end in estimator.range()]
    [-1.0, 1.0]
    """

    def __init__(self, *, spec: TensorSpec | None = None) -> None:
        self._portfolio = Portfolio(spec=spec)
        self._held_out: list[NDArray[np.float32]] = []

    def update(self, batch: ArrayLike) -> None:
        """Takes in a batch of any shape; raises NumericsError for NaN, infinity and an empty batch."""
        values = as_finite_array(batch).reshape(-1)
        room = _MOST_HELD_OUT - sum(map(len, self._held_out))
        held_out = np.zeros(len(values), bool)
        if len(values) > _HELD_OUT_EVERY:
            held_out[_HELD_OUT_EVERY - 1 :: _HELD_OUT_EVERY][:room] = True
        self._held_out.append(np.asarray(values[held_out], np.float32))
        self._portfolio.update(values[~held_out])

    def range(self) -> Range:
        """(minimum, maximum) as float32; raises NumericsError before the first batch."""
        held_out = np.concatenate([np.zeros(0, np.float32), *self._held_out])
        if not len(held_out):
            return self._portfolio.range_of("min_max")
        name = self._portfolio.choose(held_out).name
        self._portfolio.update(held_out)
        self._held_out = []
        return self._portfolio.range_of(name)

    def merge(self, other: Self) -> None:
        """Takes in all that another has seen."""
        self._portfolio.merge(other._portfolio)
        self._held_out += other._held_out
