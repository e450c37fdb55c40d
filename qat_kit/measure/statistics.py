"""How far a measured accuracy, or a difference between two models, can be trusted."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qat_kit.errors import DataError

# `scipy.stats` is imported by the function that needs it: it takes 0.8 s, which a file that is only read need not wait.

# Bias-corrected intervals need the mean without each sample in turn, which takes time that grows with their square.
_BCA_AT_MOST = 10_000
_NUMBERS_AT_ONCE = 4_000_000


def wilson_interval(num_right: int, num_samples: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """The Wilson score interval of a proportion, without continuity correction.

        (p + z²/2n ± z·√(p(1 − p)/n + z²/4n²)) / (1 + z²/n)

    with p = num_right / num_samples, n = num_samples, z the normal quantile of (1 + confidence) / 2.

    Raises DataError where num_right is not within 0 to num_samples, or there are no samples.

    Source: Wilson 1927, Journal of the American Statistical Association 22, 209–212; scipy.stats.binomtest.

    >>> low, high = wilson_interval(80, 100)
    >>> f"{low:.4f} {high:.4f}"
    '0.7112 0.8666'
    """
    if num_samples < 1 or not 0 <= num_right <= num_samples:
        raise DataError(
            f"a proportion needs 0 to n right answers of n ≥ 1 samples, received {num_right} of {num_samples}"
        )
    from scipy.stats import binomtest

    interval = binomtest(num_right, num_samples).proportion_ci(confidence_level=confidence, method="wilson")
    return float(interval.low), float(interval.high)


def mcnemar_p_value(lost: int, gained: int) -> float:
    """The exact two-sided McNemar test: how likely a split this uneven is where two models are equally good.

    lost: samples that only the first model has right. gained: samples that only the second has. Samples on which both
    agree say nothing. With none at all the answer is 1. Raises DataError for a negative count.

    Source: McNemar 1947, Psychometrika 12, 153–157; the exact form is a binomial test with p = ½.

    >>> mcnemar_p_value(5, 0)
    0.0625
    """
    if lost < 0 or gained < 0:
        raise DataError(f"counts cannot be negative, received lost={lost}, gained={gained}")
    from scipy.stats import binomtest

    return 1.0 if lost + gained == 0 else float(binomtest(lost, lost + gained, 0.5).pvalue)


def median_interval(sorted_values: NDArray[np.float64], *, confidence: float = 0.95) -> tuple[float, float]:
    """The interval of a median between two of the values, whatever they are distributed like, were they independent.

    With n values it is the k-th from below and the k-th from above, k the largest with P(Binomial(n, ½) < k) ≤
    (1 − confidence) / 2; with fewer than six values, the least and the greatest.

    sorted_values: [n], rising. Raises DataError where there are none.

    Source: Conover 1999, Practical Nonparametric Statistics, section 3.2.

    >>> median_interval(np.arange(1.0, 11.0))
    (2.0, 9.0)
    """
    from scipy.stats import binom

    if not len(sorted_values):
        raise DataError("an interval needs at least one value")
    k = max(1, int(binom.ppf((1 - confidence) / 2, len(sorted_values), 0.5)))
    return float(sorted_values[k - 1]), float(sorted_values[-k])


def bootstrap_interval(
    values: ArrayLike, *, confidence: float = 0.95, num_draws: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """The bootstrap interval of a mean: bias-corrected and accelerated; percentile where there are over 10,000 values.

    values: [samples], finite; where all are equal, the interval is that value. Raises DataError where there are none.

    Source: Efron 1987, Journal of the American Statistical Association 82, 171–185; scipy.stats.bootstrap.

    >>> low, high = bootstrap_interval([1.0, 2.0, 3.0, 4.0])
    >>> 1.0 < low < 2.5 < high < 4.0
    True
    """
    sample = np.asarray(values, np.float64)
    if not sample.size:
        raise DataError("an interval needs at least one sample")
    if np.ptp(sample) == 0:
        return float(sample[0]), float(sample[0])
    from scipy.stats import bootstrap

    interval = bootstrap(
        (sample,),
        np.mean,
        n_resamples=num_draws,
        batch=max(1, _NUMBERS_AT_ONCE // sample.size),
        confidence_level=confidence,
        method="BCa" if sample.size <= _BCA_AT_MOST else "percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return float(interval.low), float(interval.high)


def bootstrap_p_value(differences: ArrayLike) -> float:
    """Two-sided p of the paired bootstrap: twice the smaller share of draws on either side of zero.

        min(1, 2·(min(#{d ≤ 0}, #{d ≥ 0}) + 1) / (draws + 1))

    differences: [draws]; those that are not finite are left out. Raises DataError where none is.

    Source: Davison, Hinkley 1997, Bootstrap Methods and their Application, section 4.4.

    >>> bootstrap_p_value([0.1] * 999)
    0.002
    """
    draws = np.asarray(differences, np.float64)
    draws = draws[np.isfinite(draws)]
    if not draws.size:
        raise DataError("no draw of the bootstrap has this figure; more samples are needed")
    fewer = min(int((draws <= 0).sum()), int((draws >= 0).sum()))
    return min(1.0, 2 * (fewer + 1) / (draws.size + 1))
