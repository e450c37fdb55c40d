"""The target's kernels run the file."""

from __future__ import annotations

from qat_kit.results import Check, Finding
from qat_kit.verify.dynamic.bench import Bench, first_line

NAME = "runs"
RULE = "LiteRT allocates and runs the file with the target's kernel set, in a child process with limits"


def execution_check(bench: Bench) -> Check:
    """Whether the target's kernels run the file, in a child process with limits."""
    kernel_set = bench.target_kernel_set
    refused = {each: first_line(reason) for each, reason in bench.refusals.items()}
    findings: tuple[Finding, ...] = ()
    if kernel_set in refused:
        findings = (
            Finding(
                message=f"LiteRT does not run the file with kernel set {kernel_set}: {refused[kernel_set]}",
                remedy="see the checks above for what the operators lack, or choose another target",
            ),
        )
    others = [f"{each}: {reason}" for each, reason in refused.items() if each != kernel_set]
    return Check(
        name=NAME,
        rule=RULE,
        findings=findings,
        summary="; ".join([f"runs on {', '.join(bench.kernel_sets) or 'no kernel set'}", *others]),
        figures={"refusals": {str(each): reason for each, reason in refused.items()}},
    )
