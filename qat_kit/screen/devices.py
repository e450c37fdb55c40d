"""A model on other machines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console

from qat_kit.report.text import printable
from qat_kit.screen.console import table_of

if TYPE_CHECKING:
    from qat_kit.measure.android import PhoneFacts
    from qat_kit.results import DeviceMeasurement, DeviceState


def show_devices(console: Console, devices: Sequence[DeviceMeasurement]) -> None:
    """Each device: times and accuracy where it has a clock, what its answers agree with, instructions, its state."""
    for device in devices:
        console.print()
        console.print(printable(device.name) + (" (partial)" if device.is_partial else ""), style="bold", markup=False)
        if device.models:
            table = table_of("model")
            for title in ("accuracy\n%", "p50\nms", "p90\nms", "kernels"):
                table.add_column(title, justify="right")
            for model in device.models:
                accuracy = None if model.quality is None else model.quality.accuracy
                latency = model.latency
                table.add_row(
                    printable(model.name),
                    "–" if accuracy is None else f"{100 * accuracy:.2f}",
                    f"{latency.p50_ms:.4f}",
                    f"{latency.p90_ms:.4f}",
                    f"{printable(latency.kernel_set)}×{latency.num_threads}",
                )
            console.print(table)
        if device.agreements:
            table = table_of("kernels", "answers")
            table.add_column("instructions", justify="right")
            for agreement in device.agreements:
                first = next(each for each in device.agreements if each.kernel_set == agreement.kernel_set) is agreement
                count = device.instructions.get(agreement.kernel_set) if first else None
                table.add_row(
                    agreement.kernel_set if first else "",
                    printable(agreement.text),
                    "" if count is None else f"{count:,}",
                )
            console.print(table)
        states = [
            f"{when}: {text}"
            for when, text in (("before", _state(device.before)), ("after", _state(device.after)))
            if text
        ]
        for line in (*states, *device.notes):
            console.print(printable(line), style="italic", markup=False, highlight=False, soft_wrap=True)


def show_phones(console: Console, phones: Sequence[PhoneFacts]) -> None:
    """What adb sees."""
    if not phones:
        console.print("adb sees no device: plug one in and switch USB debugging on", markup=False, highlight=False)
        return
    table = table_of("serial", "state", "model", "Android", "ABI", "big cores")
    for phone in phones:
        told = (phone.serial, phone.state, phone.model, phone.android, *phone.abis[:1])
        table.add_row(*map(printable, told), *[""] * (5 - len(told)), ", ".join(map(str, phone.big_cores)))
    console.print(table)


def _state(state: DeviceState | None) -> str:
    if state is None:
        return ""
    parts = [
        None if state.thermal_status is None else f"heat {state.thermal_status}",
        None if state.battery_percent is None else f"battery {state.battery_percent:g} %",
        None if state.battery_celsius is None else f"{state.battery_celsius:g} °C",
        {True: "charging", False: "not charging"}.get(state.is_charging) if state.is_charging is not None else None,
    ]
    return ", ".join(part for part in parts if part)
