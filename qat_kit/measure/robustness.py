"""What noise, blur, light and shifts do to a float file and to its int8 file: `measure_robustness`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from qat_kit.errors import DataError
from qat_kit.measure.evaluate import evaluate
from qat_kit.measure.metrics import TaskMetrics, compare_answers
from qat_kit.results import RobustnessPoint
from qat_kit.vocabulary import KernelSet

# (pictures [n, height, width, channels], strength, lowest and highest value, random numbers) → pictures
Disturb = Callable[[NDArray[Any], float, tuple[float, float], np.random.Generator], NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class Perturbation:
    """Something that is done to pictures, at five strengths; unit says what a strength is."""

    name: str
    unit: str
    strengths: tuple[float, ...]
    disturb: Disturb


def _noise(pictures: NDArray[Any], strength: float, limits: tuple[float, float], random: Any) -> NDArray[Any]:
    return np.asarray(pictures + random.normal(size=pictures.shape) * strength * (limits[1] - limits[0]))


def _blur(pictures: NDArray[Any], strength: float, _: tuple[float, float], __: Any) -> NDArray[Any]:
    return np.asarray(gaussian_filter(pictures, (0, strength, strength, 0)))


def _brighten(pictures: NDArray[Any], strength: float, limits: tuple[float, float], _: Any) -> NDArray[Any]:
    return np.asarray(pictures + strength * (limits[1] - limits[0]))


def _shift(pictures: NDArray[Any], strength: float, _: tuple[float, float], __: Any) -> NDArray[Any]:
    """To the right, the left edge repeated."""
    pixels = min(round(strength), pictures.shape[2] - 1)
    return np.concatenate([pictures[:, :, :1].repeat(pixels, axis=2), pictures[:, :, :-pixels]], axis=2)


# The strengths are those of CIFAR-10-C, as shares of the range of values (Hendrycks, Dietterich 2019,
# arXiv:1903.12261); brightness there is that of HSV, here every channel rises alike. The shifts are own.
PERTURBATIONS = (
    Perturbation(name="noise", unit="σ, share of the range", strengths=(0.04, 0.06, 0.08, 0.09, 0.10), disturb=_noise),
    Perturbation(name="blur", unit="σ in pixels", strengths=(0.4, 0.6, 0.7, 0.8, 1.0), disturb=_blur),
    Perturbation(
        name="brightness", unit="share of the range", strengths=(0.05, 0.1, 0.15, 0.2, 0.3), disturb=_brighten
    ),
    Perturbation(name="shift", unit="pixels", strengths=(1.0, 2.0, 3.0, 4.0, 5.0), disturb=_shift),
)


def measure_robustness(
    baseline: Path,
    candidate: Path,
    inputs: Mapping[str, NDArray[Any]],
    truth: NDArray[Any],
    *,
    task: TaskMetrics,
    perturbations: Sequence[Perturbation] = PERTURBATIONS,
    kernel_set: KernelSet = "xnnpack",
    limits: tuple[float, float] | None = None,
    seed: int = 0,
    **options: Any,
) -> tuple[RobustnessPoint, ...]:
    """Both files on the same disturbed pictures, at strength 0 and then at each strength, with paired tests.

    inputs: one input by its name, pictures [n, height, width, channels]. limits: the lowest and highest value that
    pictures have, and are clipped to; those of `inputs` without it. options: of the task. Raises DataError for what is
    no picture.
    """
    (name, pictures), *others = inputs.items()
    if others or pictures.ndim != 4 or pictures.shape[2] < 2:
        shapes = {name: list(array.shape) for name, array in inputs.items()}
        raise DataError(f"robustness needs one input of pictures [n, height, width, channels], received {shapes}")
    pictures = pictures.astype(np.float32)
    low, high = limits or (float(pictures.min()), float(pictures.max()))

    def point(kind: Perturbation, strength: float, disturbed: NDArray[Any]) -> RobustnessPoint:
        seen = {name: np.clip(disturbed, low, high).astype(np.float32)}
        before, after = (evaluate(path, seen, kernel_set=kernel_set) for path in (baseline, candidate))
        test = compare_answers(
            task,
            before,
            after,
            truth,
            baseline=baseline.name,
            candidate=candidate.name,
            num_draws=0,
            seed=seed,
            **options,
        )
        return RobustnessPoint(perturbation=kind.name, unit=kind.unit, strength=strength, test=test)

    found: list[RobustnessPoint] = []
    for kind in perturbations:
        found.append(point(kind, 0.0, pictures) if not found else found[0].model_copy(update=_named(kind)))
        for strength in kind.strengths:
            random = np.random.default_rng([seed, round(strength * 1e6)])
            found.append(point(kind, strength, kind.disturb(pictures, strength, (low, high), random)))
    return tuple(found)


def _named(kind: Perturbation) -> dict[str, str]:
    return {"perturbation": kind.name, "unit": kind.unit}
