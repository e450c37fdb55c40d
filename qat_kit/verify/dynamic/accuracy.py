"""The file is no less right than the model that it was made of, as far as samples can tell."""

from __future__ import annotations

import pydantic

from qat_kit.errors import ModelFileError
from qat_kit.measure.quality import compare
from qat_kit.results import Check, Finding
from qat_kit.verify.dynamic.bench import Bench, first_line

NAME = "accuracy"
SIGNIFICANCE = 0.05


def rule_of(max_drop_points: float) -> str:
    """The demand, with what was allowed."""
    return (
        f"accuracy does not fall by more than {max_drop_points:g} points, beyond chance (exact McNemar test, "
        f"p < {SIGNIFICANCE:g}; interval by paired bootstrap)"
    )


def accuracy_check(bench: Bench) -> Check:
    """Both models' answers to the same labelled samples, in pairs."""
    request = bench.request
    rule = rule_of(request.max_drop_points)
    samples, labels, baseline = request.samples, request.labels, request.baseline
    if samples is None or labels is None:
        return _not_applicable(rule, "no labelled samples were given")
    if baseline is None:
        return _not_applicable(rule, "there is no model to compare with")
    if request.scores == "values":
        return _not_applicable(rule, "the outputs are values, not scores of classes")
    if len(bench.output_details) != 1:
        return _not_applicable(rule, f"the file has {len(bench.output_details)} outputs, and one is compared")
    kernel_set = bench.target_kernel_set
    try:
        answers = next(iter(bench.run_real(kernel_set, samples).values()))
    except ModelFileError as error:
        return Check(name=NAME, rule=rule, outcome="unchecked", reason=f"LiteRT: {first_line(str(error))}")
    name, theirs = baseline
    found = compare(theirs, answers, labels, baseline=name, candidate="file", scores_are=request.scores)
    drop, low, high = found.accuracy_drop_points, found.drop_low_points or 0.0, found.drop_high_points or 0.0
    words = (
        f"{drop + 0.0:+.2f} points of accuracy lost against {name} (95 % of bootstraps {low:+.2f} to {high:+.2f}); "
        f"{found.lost} lost, {found.gained} gained, {found.flipped} flipped of {found.num_samples}; McNemar p = "
        f"{found.p_value:.2g}; kernels {kernel_set}"
    )
    figures: dict[str, pydantic.JsonValue] = found.model_dump(mode="json")
    too_far = drop > request.max_drop_points
    if too_far and found.p_value >= SIGNIFICANCE:
        reason = f"{words}: this may be chance; give more samples"
        return Check(name=NAME, rule=rule, outcome="unchecked", reason=reason, figures=figures)
    remedy = (
        "train longer or calibrate on more data (qat-kit debug tells the layers that lose most), or allow more with "
        "--max-drop"
    )
    findings = (Finding(message=words, remedy=remedy),) if too_far else ()
    return Check(name=NAME, rule=rule, findings=findings, summary="" if findings else words, figures=figures)


def _not_applicable(rule: str, reason: str) -> Check:
    return Check(name=NAME, rule=rule, outcome="not_applicable", reason=reason)
