"""Range estimators by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from qat_kit.errors import UnknownNameError
from qat_kit.numerics.ranges.base import RangeEstimator
from qat_kit.numerics.ranges.entropy import EntropyEstimator
from qat_kit.numerics.ranges.least_squares import LeastSquaresEstimator
from qat_kit.numerics.ranges.observers import MinMaxObserver, MovingAverageObserver
from qat_kit.numerics.ranges.statistics import AciqEstimator, PercentileEstimator, SigmaEstimator

RANGE_ESTIMATORS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "min_max": MinMaxObserver,
        "moving_average": MovingAverageObserver,
        "percentile": PercentileEstimator,
        "least_squares": LeastSquaresEstimator,
        "entropy": EntropyEstimator,
        "aciq_laplace": partial(AciqEstimator, distribution="laplace"),
        "aciq_gaussian": partial(AciqEstimator, distribution="gaussian"),
        "sigma": SigmaEstimator,
    }
)

# The best of all of them for each tensor.
PORTFOLIO = "portfolio"


def get_range_estimator(name: str, **options: Any) -> RangeEstimator:
    """A fresh estimator of the given name; options are those of its class.

    Raises UnknownNameError for a name or an option that there is none of, with the nearest; NumericsError for an option
    out of range.

    >>> get_range_estimator("percentile", percentile=99.9).percentile
    99.9
    >>> get_range_estimator("minmax")
    Traceback (most recent call last):
    qat_kit.errors.UnknownNameError: there is no range estimator named 'minmax'; did you mean 'min_max'? Known:
    aciq_gaussian, aciq_laplace, entropy, least_squares, min_max, moving_average, percentile,
    portfolio, sigma
    """
    if name == PORTFOLIO:
        # It is made of all the others, and so stands above them.
        from qat_kit.numerics.ranges.portfolio import PortfolioEstimator

        return PortfolioEstimator(**options)
    if name not in RANGE_ESTIMATORS:
        raise UnknownNameError("range estimator", name, (*RANGE_ESTIMATORS, PORTFOLIO))
    make = RANGE_ESTIMATORS[name]
    known = [option for option in inspect.signature(make).parameters if option != "distribution"]
    for option in options:
        if option not in known:
            raise UnknownNameError(f"option of {name}", option, known)
    estimator: RangeEstimator = make(**options)
    return estimator
