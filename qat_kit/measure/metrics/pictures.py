"""Pictures that a model makes: PSNR and SSIM."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter

from qat_kit.errors import DataError
from qat_kit.measure.metrics.checking import finite, same_count
from qat_kit.measure.metrics.types import Cases, Details, Metric, TaskMetrics

# What the PSNR of two equal pictures, infinite by its formula, counts as.
PSNR_AT_MOST_DB = 100.0
# The window and the constants of Wang et al.
_SIGMA, _RADIUS, _K1, _K2 = 1.5, 5, 0.01, 0.03


def cases(answers: ArrayLike, truth: ArrayLike, *, peak: float = 1.0) -> Cases:
    """`psnr_db` and `ssim` of each picture.

    answers, truth: [pictures, height, width, channels], of values from 0 to `peak` (255 for bytes). Raises DataError
    for shapes that differ, and for pictures smaller than the 11×11 window.
    """
    made, wanted = finite(answers, "answers"), finite(truth, "truth")
    same_count(made, wanted, "pictures")
    if made.shape != wanted.shape or made.ndim != 4 or min(made.shape[1:3]) <= 2 * _RADIUS:
        raise DataError(
            f"pictures must be [pictures, height, width, channels] of {2 * _RADIUS + 1}×{2 * _RADIUS + 1} pixels or "
            f"more; received {list(made.shape)} and {list(wanted.shape)}"
        )
    pairs = list(zip(made, wanted, strict=True))
    return {
        "psnr_db": np.array([psnr_db(*pair, peak=peak) for pair in pairs]),
        "ssim": np.array([ssim(*pair, peak=peak) for pair in pairs]),
    }


def psnr_db(answer: NDArray[Any], truth: NDArray[Any], *, peak: float) -> float:
    """10·log10(peak² / mean squared error), 100 dB at most.

    >>> round(psnr_db(np.full((2, 2), 0.9), np.ones((2, 2)), peak=1.0), 6)
    20.0
    """
    error = float(np.mean((np.asarray(answer, np.float64) - truth) ** 2))
    return min(PSNR_AT_MOST_DB, float(10 * np.log10(peak**2 / error))) if error else PSNR_AT_MOST_DB


def ssim(answer: NDArray[Any], truth: NDArray[Any], *, peak: float) -> float:
    """Structural similarity, 1 for equal pictures: the mean over channels and over windows that lie within.

        (2·m_x·m_y + C1)(2·s_xy + C2) / ((m_x² + m_y² + C1)(s_x² + s_y² + C2)), C1 = (0.01·peak)², C2 = (0.03·peak)²

    Means, variances and covariance under a Gaussian of σ = 1.5 in an 11×11 window. answer, truth: [height, width,
    channels]. Own, since the libraries that have it are heavier than this function.

    Source: Wang, Bovik, Sheikh, Simoncelli 2004, IEEE Transactions on Image Processing 13, 600–612.
    """

    def smooth(picture: NDArray[np.float64]) -> NDArray[np.float64]:
        wide = gaussian_filter(picture, (_SIGMA, _SIGMA, 0), radius=(_RADIUS, _RADIUS, 0))
        return np.asarray(wide[_RADIUS:-_RADIUS, _RADIUS:-_RADIUS])

    x, y = np.asarray(answer, np.float64), np.asarray(truth, np.float64)
    c1, c2 = (_K1 * peak) ** 2, (_K2 * peak) ** 2
    mean_x, mean_y = smooth(x), smooth(y)
    covariance = smooth(x * y) - mean_x * mean_y
    spread = smooth(x * x + y * y) - mean_x**2 - mean_y**2
    light = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return float(np.mean(light * (2 * covariance + c2) / (spread + c2)))


TASK = TaskMetrics(
    name="pictures",
    summary="pictures that a model makes: PSNR and SSIM",
    cases=cases,
    metrics=lambda _: (
        Metric(name="psnr_db", kind="mean", of=lambda cases: cases["psnr_db"], unit="dB"),
        Metric(name="ssim", kind="mean", of=lambda cases: cases["ssim"]),
    ),
    details=lambda cases: Details(
        notes=(f"{count} pictures are equal to the truth and count as {PSNR_AT_MOST_DB:g} dB",)
        if (count := int((cases["psnr_db"] == PSNR_AT_MOST_DB).sum()))
        else ()
    ),
)
