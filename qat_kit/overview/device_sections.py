"""A run's files on other machines, in the report."""

from __future__ import annotations

from qat_kit.overview.facts import RunFacts
from qat_kit.overview.parts import wide_table
from qat_kit.overview.words import time_text
from qat_kit.report.html import Element

TITLES = ("device", "model and kernels", "median time", "instructions", "answers")


def device_rows(run: RunFacts) -> list[list[str]]:
    """One row a model that has times, and one a kernel set whose answers were compared."""
    rows = []
    for device in run.measurement.devices:
        name = f"{device.name} (partial)" if device.is_partial else device.name
        for model in device.models:
            latency = model.latency
            accuracy = None if model.quality is None else model.quality.accuracy
            answers = "" if accuracy is None else f"accuracy {100 * accuracy:.2f} %"
            kernels = f"{model.name}, {latency.kernel_set}×{latency.num_threads}"
            rows.append([name, kernels, time_text(latency.p50_ms), "–", answers])
        for kernel_set in dict.fromkeys(each.kernel_set for each in device.agreements):
            words = "; ".join(each.text for each in device.agreements if each.kernel_set == kernel_set)
            count = device.instructions.get(kernel_set)
            rows.append([name, kernel_set, "–", "–" if count is None else f"{count:,}", words])
    return rows


def devices(run: RunFacts) -> Element | None:
    """The same files on phones and on emulated processors; None where there are none."""
    rows: list[list[Element | str]] = [list(row) for row in device_rows(run)]
    return wide_table(list(TITLES), rows, numbers=frozenset({2, 3})) if rows else None
