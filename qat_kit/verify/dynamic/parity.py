"""The file answers as the model that was trained."""

from __future__ import annotations

import numpy as np
import pydantic

from qat_kit.errors import DataError, ModelFileError
from qat_kit.results import Check, Finding
from qat_kit.schemes import QuantScheme
from qat_kit.verify.dynamic.bench import Bench, first_line, one_output

NAME = "parity with training"
# Errors beyond this many steps are counted together.
_STEPS_AT_MOST = 32


def rule_of(scheme: QuantScheme) -> str:
    """The demand, with the scheme's own limits."""
    limits = scheme.parity
    return (
        f"half of the outputs are within {limits.median_lsb:g} LSB of the trained model's, and {limits.almost_all:.0%} "
        f"within {limits.almost_all_lsb:g} (scheme {scheme.name})"
    )


def parity_check(bench: Bench) -> Check:
    """The histogram of errors in steps of the output, against what the scheme allows."""
    limits, request = bench.subject.scheme.parity, bench.request
    rule = rule_of(bench.subject.scheme)
    if request.trained is None or request.samples is None:
        reason = "the trained model's answers were not given"
        return Check(name=NAME, rule=rule, outcome="not_applicable", reason=reason)
    kernel_set = bench.target_kernel_set
    try:
        answers = bench.run_real(kernel_set, request.samples)
    except ModelFileError as error:
        return Check(name=NAME, rule=rule, outcome="unchecked", reason=f"LiteRT: {first_line(str(error))}")
    trained = one_output(request.trained, bench.output_details, "the trained model")
    errors = []
    for detail in bench.output_details:
        scale = bench.output_scale(detail)
        if scale is None:
            continue
        mine, theirs = answers[detail.name], np.asarray(trained[detail.name])
        if mine.size != theirs.size:
            raise DataError(
                f"output {detail.name!r} of the trained model has shape {list(theirs.shape)}, and the file's "
                f"{list(mine.shape)}"
            )
        steps = (mine.astype(np.float64).reshape(-1) - theirs.astype(np.float64).reshape(-1)) / scale
        errors.append(np.rint(np.nan_to_num(steps, nan=np.inf)))
    if not errors:
        return Check(name=NAME, rule=rule, outcome="not_applicable", reason="no output is quantized: there are no LSB")
    found = np.concatenate(errors)
    median = float(np.median(np.abs(found)))
    near = float(np.mean(np.abs(found) <= limits.almost_all_lsb))
    values, counts = np.unique(np.clip(found, -_STEPS_AT_MOST, _STEPS_AT_MOST), return_counts=True)
    histogram = {str(int(value)): int(count) for value, count in zip(values, counts, strict=True)}
    num_samples = len(next(iter(request.samples.values())))
    words = (
        f"{_share(found == 0)} of {found.size} outputs equal, {_share(np.abs(found) <= 1)} within 1 LSB, the furthest "
        f"{float(np.abs(found).max()):g} LSB off, on {num_samples} samples with {kernel_set}"
    )
    findings: tuple[Finding, ...] = ()
    if median > limits.median_lsb or near < limits.almost_all:
        findings = (
            Finding(
                message=f"half of the outputs are up to {median:g} LSB from the trained model's, and {near:.1%} within "
                f"{limits.almost_all_lsb:g}",
                remedy="convert the model that was trained; qat-kit debug tells the layer where they part",
            ),
        )
    figures: dict[str, pydantic.JsonValue] = {
        "kernel_set": kernel_set,
        "num_samples": num_samples,
        "median_lsb": median,
        "share_near": near,
        "histogram_lsb": dict[str, pydantic.JsonValue](histogram),
    }
    return Check(name=NAME, rule=rule, findings=findings, summary=words, figures=figures)


def _share(where: np.ndarray) -> str:
    return f"{float(np.mean(where)):.1%}"
