"""Each kernel set gives the codes that the kernel simulator computes, to the bit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.errors import ModelFileError, NotSimulatedError, QatKitError
from qat_kit.kernels import KERNELS, SIMULATED_ON
from qat_kit.litert.interpreter import KERNEL_SETS, Interpreter, runtime_identity
from qat_kit.litert.macs import num_macs
from qat_kit.measure.simulator import Simulator
from qat_kit.results import Check, Finding
from qat_kit.results.certificate import Outcome
from qat_kit.verify.dynamic.bench import Bench, first_line, in_runs
from qat_kit.verify.subject import Step, Subject
from qat_kit.vocabulary import KernelSet

RULE = "LiteRT answers with the codes that the kernel simulator computes (qat_kit/kernels), 0 LSB off"


def name_of(kernel_set: KernelSet) -> str:
    """What the check on one kernel set is called."""
    return f"equals the simulator ({kernel_set})"


def equality_checks(bench: Bench) -> tuple[Check, ...]:
    """One check a kernel set."""
    obstacle = _obstacle(bench)
    if obstacle is not None:
        outcome, reason = obstacle
        return tuple(_check(kernel_set, outcome=outcome, reason=reason) for kernel_set in KERNEL_SETS)
    try:
        simulator = Simulator(bench.source, limits=bench.request.limits)
    except ModelFileError as error:
        reason = f"the simulator cannot take the file: {first_line(str(error))}"
        return tuple(_check(kernel_set, outcome="unchecked", reason=reason) for kernel_set in KERNEL_SETS)
    try:
        return tuple(equality_on(bench, simulator, kernel_set) for kernel_set in KERNEL_SETS)
    finally:
        simulator.close()


def _obstacle(bench: Bench) -> tuple[Outcome, str] | None:
    """Why no kernel set can be simulated, whichever it is."""
    subject = bench.subject
    if subject.scheme.activation_mode != "static":
        return "not_applicable", f"scheme {subject.scheme.name!r} leaves activations float, and codes are simulated"
    unknown = sorted({step.operator.op for step in subject.steps() if step.operator.op not in KERNELS})
    if unknown:
        return "unchecked", f"not simulated: {', '.join(unknown)}"
    macs, most = products(subject), bench.request.max_simulated_macs
    if macs > most:
        return "unchecked", f"one inference takes {macs:,} products, and the simulator was allowed {most:,}"
    return None


def products(subject: Subject) -> int:
    """Of one inference."""
    graph = subject.model.subgraphs[0]
    return sum(num_macs(graph, operator) for operator in graph.operators)


def equality_on(bench: Bench, simulator: Simulator, kernel_set: KernelSet) -> Check:
    """The check on one kernel set: all outputs on as many inputs as were allowed, at least one."""
    if kernel_set not in bench.kernel_sets:
        return _check(kernel_set, outcome="unchecked", reason=f"LiteRT: {first_line(bench.refusals[kernel_set])}")
    runs = {detail.index: in_runs(bench.inputs[detail.name], detail.shape) for detail in bench.input_details}
    made = {index for step in bench.subject.steps() for index in step.operator.outputs}
    details = [detail for detail in bench.output_details if detail.index in made]
    answers = {detail.index: in_runs(bench.answers(kernel_set)[detail.name], detail.shape) for detail in details}
    available = len(next(iter(runs.values()), [None]))
    affordable = bench.request.max_simulated_macs // (len(KERNEL_SETS) * max(1, products(bench.subject)))
    # The simulator starts from an empty state, which LiteRT has but once.
    is_stateful = any(step.spec is not None and step.spec.state_inputs for step in bench.subject.steps())
    count = 1 if is_stateful else max(1, min(available, affordable))
    seen = _Seen()
    try:
        for run in range(count):
            inputs = {index: np.asarray(array[run]) for index, array in runs.items()}
            codes = simulator.run(inputs, kernel_set, tensors=tuple(answers))
            seen.add(run, {index: (answers[index][run], codes[index]) for index in answers})
        if seen.first_run is None:
            findings: tuple[Finding, ...] = ()
        else:
            inputs = {index: np.asarray(array[seen.first_run]) for index, array in runs.items()}
            findings = (_where(bench, simulator, kernel_set, inputs, seen),)
    except NotSimulatedError as error:
        what = str(error).partition(" is not simulated")[0]
        return _check(kernel_set, outcome="unchecked", reason=f"not simulated: {what}")
    except QatKitError as error:
        reason = f"the simulation came to no end: {first_line(str(error))}"
        return _check(kernel_set, outcome="unchecked", reason=reason)
    identity = runtime_identity()
    known = identity["litert"].startswith(f"{SIMULATED_ON['litert']}.") and (
        identity["architecture"] == SIMULATED_ON["architecture"]
    )
    inputs_used = bench.stated if count == available else f"the first {count} of {bench.stated}"
    words = f"{seen.differing} of {seen.elements} output codes differ on {inputs_used}"
    if findings and not known:
        here = f"LiteRT {identity['litert']} on {identity['architecture']}"
        claim = f"LiteRT {SIMULATED_ON['litert']} on {SIMULATED_ON['architecture']}"
        reason = f"{words}; the simulator is that of {claim}, and this is {here}"
        return _check(kernel_set, outcome="unchecked", reason=reason)
    return _check(
        kernel_set,
        findings=findings,
        summary=words,
        figures={"num_samples": count, "elements": seen.elements, "differing": seen.differing, "max_lsb": seen.largest},
    )


@dataclass
class _Seen:
    """Differences so far."""

    elements: int = 0
    differing: int = 0
    largest: float = 0.0
    first_run: int | None = None

    def add(self, run: int, pairs: Mapping[int, tuple[NDArray[Any], NDArray[Any]]]) -> None:
        for answer, codes in pairs.values():
            difference = _difference(answer, codes)
            self.elements += answer.size
            self.differing += int(np.count_nonzero(difference))
            self.largest = max(self.largest, float(difference.max(initial=0)))
        if self.differing and self.first_run is None:
            self.first_run = run


def _difference(answer: NDArray[Any], codes: NDArray[Any]) -> NDArray[np.float64]:
    """The distance of two codes; NaN beside NaN is none."""
    first, second = answer.astype(np.float64), codes.reshape(answer.shape).astype(np.float64)
    same = (first == second) | (np.isnan(first) & np.isnan(second))
    return np.where(same, 0.0, np.abs(np.nan_to_num(first) - np.nan_to_num(second)).clip(min=1e-300))


def _where(
    bench: Bench, simulator: Simulator, kernel_set: KernelSet, inputs: Mapping[int, NDArray[Any]], seen: _Seen
) -> Finding:
    """The first operator whose result is not the simulator's, found by reading every tensor."""
    graph = bench.subject.model.subgraphs[0]
    steps = [step for step in bench.subject.steps() if step.graph.index == 0]
    wanted = tuple(index for step in steps for index in step.operator.outputs if index >= 0)
    codes = simulator.run(inputs, kernel_set, tensors=wanted)
    named = {detail.name: inputs[detail.index] for detail in bench.input_details}
    with Interpreter(
        bench.source, kernel_set=kernel_set, preserve_all_tensors=True, limits=bench.request.limits
    ) as whole:
        whole.run(named)
        for step in steps:
            for index in step.operator.outputs:
                difference = _difference(whole.tensor(index), codes[index]) if index >= 0 else np.zeros(1)
                if difference.any():
                    return _found(step, kernel_set, difference, graph.tensors[index].name)
    return steps[-1].finding(
        f"answers otherwise than the simulator on {kernel_set}, by {seen.largest:g} at most, and with all tensors kept "
        "it does not",
        "report it with the file (qat-kit repro cuts out an operator)",
    )


def _found(step: Step, kernel_set: KernelSet, difference: NDArray[np.float64], name: str) -> Finding:
    count, largest = int(np.count_nonzero(difference)), float(difference.max())
    return step.finding(
        f"is the first whose codes on {kernel_set} are not the simulator's: {count} of {difference.size} of {name!r} "
        f"differ, by {largest:g} at most",
        "run the file on another kernel set, or report it (qat-kit repro cuts the operator out)",
    )


def _check(
    kernel_set: KernelSet,
    *,
    findings: tuple[Finding, ...] = (),
    outcome: Outcome = "checked",
    reason: str = "",
    summary: str = "",
    figures: dict[str, Any] | None = None,
) -> Check:
    return Check(
        name=name_of(kernel_set),
        rule=RULE,
        findings=findings,
        outcome=outcome,
        reason=reason,
        summary=summary,
        figures=figures or {},
    )
