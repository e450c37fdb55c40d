"""The manifest's golden vectors are reproduced, to the bit."""

from __future__ import annotations

import numpy as np

from qat_kit.errors import DataError, ModelFileError
from qat_kit.litert.interpreter import runtime_identity
from qat_kit.manifest import GoldenVectors, decode_all
from qat_kit.results import Check, Finding
from qat_kit.verify.dynamic.bench import Bench, first_line
from qat_kit.vocabulary import KernelSet

NAME = "golden vectors"
RULE = "each kernel set answers the manifest's golden inputs with its golden outputs, to the bit"


def golden_check(bench: Bench) -> Check:
    """Runs each kernel set that the golden vectors have answers of."""
    golden = bench.request.golden
    if golden is None:
        reason = "there is no manifest with golden vectors"
        return Check(name=NAME, rule=RULE, outcome="not_applicable", reason=reason)
    findings, open_ = [], []
    for kernel_set in golden.outputs:
        try:
            findings += _differences(bench, golden, kernel_set)
        except ModelFileError as error:
            open_.append(f"{kernel_set} does not run here: {first_line(str(error))}")
        except DataError as error:
            remedy = "take the manifest that was written with this file"
            findings = [Finding(message=f"the golden inputs do not fit the file: {error}", remedy=remedy)]
            break
    here = runtime_identity()
    made_by = {"litert": golden.litert, "architecture": golden.architecture}
    if findings and here != made_by:
        reason = (
            f"{findings[0].message}; the vectors are those of LiteRT {golden.litert} on {golden.architecture}, and "
            f"this is {here['litert']} on {here['architecture']}, which may differ"
        )
        return Check(name=NAME, rule=RULE, outcome="unchecked", reason=reason)
    if open_ and len(open_) == len(golden.outputs):
        return Check(name=NAME, rule=RULE, outcome="unchecked", reason="; ".join(open_))
    summary = f"{bench.stated} on {', '.join(golden.outputs)}" if not findings else ""
    return Check(name=NAME, rule=RULE, findings=tuple(findings), summary="; ".join(filter(None, [summary, *open_])))


def _differences(bench: Bench, golden: GoldenVectors, kernel_set: KernelSet) -> list[Finding]:
    answers = bench.run(kernel_set, decode_all(golden.inputs))
    found = []
    for name, expected in decode_all(golden.outputs[kernel_set]).items():
        answer = answers.get(name)
        if answer is None or answer.shape != expected.shape or answer.dtype != expected.dtype:
            raise DataError(f"there is no output {name!r} of {expected.dtype} {list(expected.shape)}")
        differing = ~((answer == expected) | ((answer != answer) & (expected != expected)))  # NaN
        if differing.any():
            place = tuple(int(axis) for axis in np.argwhere(differing)[0])
            found.append(
                Finding(
                    message=f"on {kernel_set} output {name!r} differs in {int(differing.sum())} of {differing.size} "
                    f"codes; the first is {list(place)}: {answer[place]} instead of {expected[place]}",
                    remedy="the file or the manifest was changed since they were written: convert again",
                )
            )
    return found
