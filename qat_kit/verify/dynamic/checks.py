"""All checks that run the file, in their order: `run_checks`."""

from __future__ import annotations

from pathlib import Path

from qat_kit.litert.interpreter import runtime_identity
from qat_kit.results import Check
from qat_kit.verify.dynamic.accuracy import accuracy_check
from qat_kit.verify.dynamic.agreement import agreement_check
from qat_kit.verify.dynamic.bench import Bench
from qat_kit.verify.dynamic.equality import equality_checks
from qat_kit.verify.dynamic.execution import execution_check
from qat_kit.verify.dynamic.golden import golden_check
from qat_kit.verify.dynamic.parity import parity_check
from qat_kit.verify.dynamic.request import RunRequest
from qat_kit.verify.subject import Subject


def run_checks(source: Path | bytes, subject: Subject, request: RunRequest) -> tuple[tuple[Check, ...], dict[str, str]]:
    """The checks, and what the file ran on. Everything runs in child processes under the request's limits.

    Raises DataError where the samples, labels or other answers of the request do not fit the file.
    """
    with Bench(source, subject, request) as bench:
        execution = execution_check(bench)
        ran_on = {**runtime_identity(), "inputs": bench.stated}
        if not bench.kernel_sets:
            return (execution,), ran_on
        checks = (
            execution,
            golden_check(bench),
            *equality_checks(bench),
            agreement_check(bench),
            parity_check(bench),
            accuracy_check(bench),
        )
    return checks, ran_on
