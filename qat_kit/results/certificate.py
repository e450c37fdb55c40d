"""The proof of a `.tflite` file: its checks and what they found."""

from __future__ import annotations

from typing import Literal

import pydantic

from qat_kit.files import sha256
from qat_kit.results.record import Record
from qat_kit.vocabulary import IoType

Severity = Literal["fail", "warn"]
Outcome = Literal["checked", "not_applicable", "unchecked"]
State = Literal["pass", "warn", "fail", "not_applicable", "unchecked"]


class Finding(Record):
    """One thing that is wrong in a file, where it is, and what to do. subgraph: where it is not the first."""

    message: str
    remedy: str
    op: str | None = None
    op_index: int | None = None
    tensor: str | None = None
    layer: str | None = None
    subgraph: int | None = None

    @property
    def line(self) -> str:
        """The finding for people: where, what, and the remedy."""
        graph = f"subgraph {self.subgraph}" if self.subgraph else ""
        operator = f"operator {self.op_index} {self.op}" if self.op else ""
        layer = f"layer {self.layer!r}" if self.layer else ""
        place = ", ".join(part for part in (graph, operator, layer) if part)
        return f"{place}: {self.message}; {self.remedy}" if place else f"{self.message}; {self.remedy}"


class Check(Record):
    """One demand on a file: what is asked (with its source), what was found, and every place that breaks it.

    severity: "fail" where a finding makes the file other than it must be, "warn" where it is advice.
    outcome: "checked"; "not_applicable" where the file, or what was given, has nothing that the demand speaks of;
    "unchecked" where it speaks of the file and could not be answered. reason: why it was not checked.
    summary: what was found, in one line, where there is more to say than pass or fail. figures: the same in numbers.
    """

    name: str
    rule: str
    findings: tuple[Finding, ...] = ()
    severity: Severity = "fail"
    outcome: Outcome = "checked"
    reason: str = ""
    summary: str = ""
    figures: dict[str, pydantic.JsonValue] = pydantic.Field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether there is no finding that fails the file."""
        return not self.findings or self.severity == "warn"

    @property
    def state(self) -> State:
        """The check in a word."""
        if self.outcome != "checked":
            return self.outcome
        return "pass" if not self.findings else self.severity


class Figures(Record):
    """What a file holds and costs, as far as it can be read off it.

    contents: types of activations and weights, in words. num_macs: products of one inference. arena_bytes: what
    LiteRT's planner lays out for activations, without the kernels' own scratch memory; None for more activations than
    are planned. minimum_runtime: the oldest
    TensorFlow Lite that has every operator's version; None where one is of none. judged_operators: those of which the
    target's table speaks. accelerated_operators, accelerated_macs: of these, what the target's own kernels take.
    """

    contents: str
    num_macs: int
    constant_bytes: int
    arena_bytes: int | None
    minimum_runtime: str | None = None
    judged_operators: int = 0
    accelerated_operators: int = 0
    accelerated_macs: int = 0


class Certificate(Record):
    """The proof of a `.tflite` file: every check that was made, bound to the file by its hash.

    scheme: what the file was to be. io: the type that inputs and outputs were to have. target: the runtime whose
    demands were looked at. ran_on: where the file was run, it was: LiteRT's version, the machine's architecture, the
    inputs; empty where it was only read.
    """

    format_version: Literal[2] = 2
    sha256: str
    size_bytes: int
    scheme: str | None = None
    io: IoType | None = None
    target: str | None = None
    num_operators: int
    num_tensors: int
    figures: Figures | None = None
    ran_on: dict[str, str] = pydantic.Field(default_factory=dict)
    checks: tuple[Check, ...]

    @property
    def content_sha256(self) -> str:
        """The hash of all but the file's own hash and size: a file can hold that of its certificate in this way."""
        return sha256(self.model_dump_json(exclude={"sha256", "size_bytes"}).encode())

    @property
    def passed(self) -> bool:
        return all(check.passed for check in self.checks)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What makes the file other than it must be."""
        return tuple(finding for check in self.checks if not check.passed for finding in check.findings)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """Advice: the file is what it must be all the same."""
        return tuple(finding for check in self.checks if check.passed for finding in check.findings)

    @property
    def made(self) -> tuple[Check, ...]:
        """The checks that were made."""
        return tuple(check for check in self.checks if check.outcome == "checked")

    @property
    def unchecked(self) -> tuple[Check, ...]:
        """The checks that speak of the file and could not be made."""
        return tuple(check for check in self.checks if check.outcome == "unchecked")

    @property
    def verdict(self) -> str:
        """One line for people."""
        kind = _kind(self.scheme, self.io)
        rest = f", {_count(len(self.warnings), 'warning')}" if self.warnings else ""
        rest += f", {len(self.unchecked)} unchecked" if self.unchecked else ""
        if self.passed:
            return f"{kind}: {self.num_operators} operators, {len(self.made)} checks, no finding{rest}"
        failed = [check.name for check in self.checks if not check.passed]
        return f"NOT {kind}: {_count(len(self.findings), 'finding')} in {', '.join(failed)}{rest}"


def _kind(scheme: str | None, io: IoType | None) -> str:
    """What a file is said to be."""
    if scheme in (None, "w8a8"):
        kind = "fully int8"
    elif scheme is not None and ("_dynamic" in scheme or "_weight_only" in scheme or scheme.startswith("fp")):
        kind = f"as scheme {scheme} says, float activations"
    else:
        kind = f"fully integer ({scheme})"
    names = {"float32": " between float input and output", "uint8": " between uint8 input and output"}
    return kind + (names.get(io, "") if io is not None else "")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
