"""A certificate, check by check."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Console

from qat_kit.report.text import printable

if TYPE_CHECKING:
    from qat_kit.results import Certificate


# Of one check; a file of uint8 has one for each tensor.
_MOST_FINDINGS = 8
_MARKS = {
    "pass": "[green]pass[/green]",
    "warn": "[yellow]warn[/yellow]",
    "fail": "[red]FAIL[/red]",
    "not_applicable": "[dim]n/a [/dim]",
    "unchecked": "[yellow]open[/yellow]",
}


def show_certificate(console: Console, certificate: Certificate) -> None:
    """One check a line, what it found under it; the verdict at the end."""
    for check in certificate.checks:
        console.print(f"{_MARKS[check.state]}  {check.name}", highlight=False, soft_wrap=True)
        told = [check.summary, check.reason, *(finding.line for finding in check.findings[:_MOST_FINDINGS])]
        for line in filter(None, told):
            console.print(f"        {printable(line)}", highlight=False, markup=False, soft_wrap=True)
        if len(check.findings) > _MOST_FINDINGS:
            console.print(
                f"        … and {len(check.findings) - _MOST_FINDINGS} more, all with --json", highlight=False
            )
    for line in _figure_lines(certificate):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    style = "green" if certificate.passed else "red"
    console.print(certificate.verdict, style=style, highlight=False, soft_wrap=True)


def _figure_lines(certificate: Certificate) -> Iterator[str]:
    """What the file is and costs, a line each."""
    figures = certificate.figures
    if figures is None:
        return
    yield figures.contents
    arena = "not planned" if figures.arena_bytes is None else f"{figures.arena_bytes:,} bytes"
    runtime = figures.minimum_runtime or "no release that is known"
    yield (
        f"{figures.num_macs:,} products an inference; constants {figures.constant_bytes:,} bytes; arena "
        f"{arena}; runs on TensorFlow Lite from {runtime}"
    )
    if figures.judged_operators:
        share = f", {figures.accelerated_macs / figures.num_macs:.1%} of the products" if figures.num_macs else ""
        yield (
            f"{certificate.target} itself takes {figures.accelerated_operators} of {figures.judged_operators} "
            f"operators that its table speaks of{share}"
        )
