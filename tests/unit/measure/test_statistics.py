"""Intervals and tests against published numbers and closed forms."""

from __future__ import annotations

from math import comb, sqrt

import numpy as np
import pytest

from qat_kit.errors import DataError
from qat_kit.measure import mcnemar_p_value, wilson_interval
from qat_kit.measure.statistics import median_interval

Z = 1.959963984540054  # the normal quantile of 0.975


@pytest.mark.parametrize(
    ("right", "samples", "low", "high"),
    [
        # Newcombe 1998, Statistics in Medicine 17, 857–872, table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_against_the_published_table(right: int, samples: int, low: float, high: float) -> None:
    assert wilson_interval(right, samples) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("right", "samples"), [(0, 1), (1, 1), (352, 360), (360, 360)])
def test_wilson_against_its_formula(right: int, samples: int) -> None:
    p, n = right / samples, samples
    centre, half = p + Z**2 / (2 * n), Z * sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
    expected = tuple(min(max((centre + sign * half) / (1 + Z**2 / n), 0), 1) for sign in (-1, 1))
    assert wilson_interval(right, samples) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("size", "place"), [(1, 1), (5, 1), (6, 1), (9, 2), (20, 6), (100, 40)])
def test_the_median_lies_between_two_of_the_values(size: int, place: int) -> None:
    """The places are those of tables of the sign test; below six values the interval is all of them."""
    assert median_interval(np.arange(1.0, size + 1)) == (place, size + 1 - place)


def test_a_wider_confidence_is_a_wider_interval() -> None:
    inner, outer = wilson_interval(90, 100), wilson_interval(90, 100, confidence=0.99)
    assert outer[0] < inner[0] < 0.9 < inner[1] < outer[1]


@pytest.mark.parametrize(("right", "samples"), [(1, 0), (-1, 5), (6, 5)])
def test_impossible_counts_are_refused(right: int, samples: int) -> None:
    with pytest.raises(DataError, match=f"received {right} of {samples}"):
        wilson_interval(right, samples)


@pytest.mark.parametrize(("lost", "gained"), [(5, 0), (0, 5), (6, 2), (10, 3), (1, 1), (4, 4)])
def test_mcnemar_is_twice_the_smaller_tail(lost: int, gained: int) -> None:
    total, few = lost + gained, min(lost, gained)
    expected = min(1.0, 2 * sum(comb(total, k) for k in range(few + 1)) / 2**total)
    assert mcnemar_p_value(lost, gained) == pytest.approx(expected, rel=1e-12)


def test_mcnemar_without_a_difference() -> None:
    assert mcnemar_p_value(0, 0) == 1.0
    with pytest.raises(DataError, match="cannot be negative"):
        mcnemar_p_value(-1, 2)
