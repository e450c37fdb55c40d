"""How far LiteRT's kernel sets agree with each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pydantic
from numpy.typing import NDArray

from qat_kit.litert.interpreter import KERNEL_SETS
from qat_kit.results import Check, Finding
from qat_kit.verify.dynamic.bench import Bench, Codes
from qat_kit.verify.dynamic.equality import products
from qat_kit.vocabulary import KernelSet

# Of top-1 answers. On a ResNet-8 over 2,000 images kernel sets differ in 2.8 to 4.1 % of them.
MOST_FLIPS = 0.05
# What the slowest kernels may compute, and how many samples at most: some seconds.
_MOST_MACS, _MOST_SAMPLES = 2_000_000_000, 256

NAME = "kernel sets agree"
RULE = f"kernel sets give the same answers; at most {MOST_FLIPS:.0%} of top-1 answers differ between any two"


@dataclass(frozen=True, kw_only=True)
class _Pair:
    """Two kernel sets' answers. largest: their greatest distance, in LSB where all outputs are quantized.

    flips: the share of top-1 answers that differ; None for outputs that are no scores.
    """

    share: float
    largest: float
    unit: str
    flips: float | None

    def in_words(self, first: str, second: str) -> str:
        if not self.share:
            return f"{first} and {second} agree"
        flips = "" if self.flips is None else f", and in {self.flips:.1%} of top-1 answers"
        most = f"{self.largest:.3g}{self.unit}"
        return f"{first} and {second} differ in {self.share:.1%} of outputs, by {most} at most{flips}"


def agreement_check(bench: Bench) -> Check:
    """How often two kernel sets differ: advice, since each is right by its own rounding."""
    answers, stated, are_real = _answers(bench)
    names = list(combinations([each for each in KERNEL_SETS if each in answers], 2))
    if not names:
        reason = "there are no two kernel sets that run the file"
        return Check(name=NAME, rule=RULE, severity="warn", outcome="unchecked", reason=reason)
    pairs = {(first, second): _compare(bench, answers[first], answers[second]) for first, second in names}
    worst = max(pairs, key=lambda pair: pairs[pair].flips or 0.0)
    flips = pairs[worst].flips or 0.0
    findings: tuple[Finding, ...] = ()
    # What a net says to noise lies next to its thresholds, and says nothing of how it will be used.
    if flips > MOST_FLIPS and are_real:
        findings = (
            Finding(
                message=f"{worst[0]} and {worst[1]} differ in {flips:.1%} of top-1 answers to {stated}",
                remedy="measure accuracy on the kernel set that the app will use; train longer, so that answers are "
                "further apart",
            ),
        )
    figures: dict[str, pydantic.JsonValue] = {
        f"{first}-{second}": {
            "share": pair.share,
            "largest": pair.largest,
            "unit": pair.unit.strip(),
            "flips": pair.flips,
        }
        for (first, second), pair in pairs.items()
    }
    words = "; ".join(pair.in_words(first, second) for (first, second), pair in pairs.items())
    return Check(
        name=NAME, rule=RULE, severity="warn", findings=findings, summary=f"on {stated}: {words}", figures=figures
    )


def _answers(bench: Bench) -> tuple[Mapping[KernelSet, Codes], str, bool]:
    """Each kernel set's answers, to the samples where there are any; what they answer, and whether it is data."""
    samples = bench.request.samples
    if samples is None:
        return {each: bench.answers(each) for each in bench.kernel_sets}, bench.stated, bench.are_real
    count = min(_MOST_SAMPLES, max(1, _MOST_MACS // max(1, products(bench.subject))))
    some = {name: array[:count] for name, array in samples.items()}
    count = len(next(iter(some.values())))
    return {each: bench.run_real(each, some) for each in bench.kernel_sets}, f"{count} samples", True


def _compare(bench: Bench, first: Codes, second: Codes) -> _Pair:
    differing, elements, largest = 0, 0, 0.0
    flips: float | None = None
    unit = " LSB" if all(bench.output_scale(detail) for detail in bench.output_details) else ""
    for detail in bench.output_details:
        before, after = (np.nan_to_num(answers[detail.name].astype(np.float64)) for answers in (first, second))
        # Answers to samples are real numbers, and those of float files always are.
        is_real = bench.request.samples is not None or detail.dtype.kind == "f"
        step = (bench.output_scale(detail) or 1.0) if is_real and unit else 1.0
        distance = np.abs(before - after) / step
        differing, elements = differing + int(np.count_nonzero(distance)), elements + distance.size
        largest = max(largest, float(distance.max(initial=0)))
        flips = _flips(before, after) if len(bench.output_details) == 1 else None
    return _Pair(share=differing / max(1, elements), largest=largest, unit=unit, flips=flips)


def _flips(before: NDArray[np.float64], after: NDArray[np.float64]) -> float | None:
    if before.ndim != 2 or before.shape[1] < 2:
        return None
    return float(np.mean(before.argmax(axis=1) != after.argmax(axis=1)))
