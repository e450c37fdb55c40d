"""Every operator has a version that the runtime knows."""

from __future__ import annotations

from collections.abc import Iterator

from qat_kit.results import Finding
from qat_kit.spec.runtime_versions import RUNTIME_VERSIONS, minimum_runtime, release
from qat_kit.verify.subject import Demand, Subject


def versions(subject: Subject) -> tuple[Finding, ...]:
    """Operators of a version that the runtime asked for does not have, or none has."""
    return tuple(_unknown_versions(subject))


def _unknown_versions(subject: Subject) -> Iterator[Finding]:
    asked = subject.runtime
    for step in subject.steps():
        operator = step.operator
        if operator.is_custom:
            continue
        needed = minimum_runtime(operator.op, operator.version)
        if needed is None:
            yield step.finding(
                f"has version {operator.version}, and no TensorFlow Lite up to {newest_runtime()} has it",
                "convert the model with a converter of the runtime that is to run it",
            )
        elif asked is not None and release(needed) > release(asked):
            yield step.finding(
                f"has version {operator.version}, which came with TensorFlow Lite {needed}; {asked} was asked for",
                f"ship TensorFlow Lite {needed} or newer with the app, or convert with the converter of {asked}",
            )


def oldest_runtime(subject: Subject) -> str | None:
    """The oldest runtime that has every operator's version; None where one is of none."""
    needed = [
        minimum_runtime(step.operator.op, step.operator.version)
        for step in subject.steps()
        if not step.operator.is_custom
    ]
    known = [version for version in needed if version is not None]
    return max(known, key=release, default="1.5") if len(known) == len(needed) else None


def newest_runtime() -> str:
    """The newest runtime that the table of versions knows."""
    every = {version for versions in RUNTIME_VERSIONS.values() for version in versions if version != "-"}
    return max(every, key=release)


DEMANDS = (
    Demand(
        name="operator versions",
        rule="the runtime has every operator at the version in the file (LiteRT tflite/converter/tools/versioning/"
        "runtime_version.cc)",
        find=versions,
    ),
)
