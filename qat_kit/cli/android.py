"""Phones over adb: `qat-kit android …`."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qat_kit.cli.app import Commands, print_json
from qat_kit.cli.measuring import add_device
from qat_kit.cli.options import AsJson, Into
from qat_kit.errors import DeviceError, QatKitError
from qat_kit.screen import Screen

if TYPE_CHECKING:
    from qat_kit.results import DeviceMeasurement

android = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Measure on Android phones over adb, with the demo app or LiteRT's benchmark_model.",
)

Serials = Annotated[
    list[str] | None,
    typer.Option("--serial", help="A device of `android devices`; again for more. Without: all."),
]
BundleFolder = Annotated[Path, typer.Argument(metavar="BUNDLE", help="A folder that `qat-kit bundle` has made.")]
MaybeBundle = Annotated[
    Path | None, typer.Argument(metavar="[BUNDLE]", help="A bundle to push first; without it, what was pushed before.")
]
Abi = Annotated[str, typer.Option(help="The kind of processor that the app was built for.")]
Out = Annotated[Path | None, typer.Option(help="Write the devices' measurements to this file.")]


@android.command()
def devices(as_json: AsJson = False) -> None:
    """List the phones that adb sees, those included that do not let this computer in."""
    from qat_kit.measure.android import list_phones
    from qat_kit.screen import show_phones

    found = list_phones()
    if as_json:
        print_json([each.model_dump(mode="json") for each in found])
    else:
        show_phones(Screen(), found)


@android.command()
def push(bundle: BundleFolder, serial: Serials = None, as_json: AsJson = False) -> None:
    """Put a bundle where the demo app finds it."""
    from qat_kit.measure.android import find_phones, on_all, push_bundle
    from qat_kit.measure.android.benchmark import bundle_files
    from qat_kit.progress import RichProgress

    screen = Screen(stderr=as_json)
    phones = find_phones(serial or ())
    total = sum(file.stat().st_size for file in bundle_files(bundle)) * len(phones)
    with RichProgress(screen).track("pushing", total) as advance:
        sizes, errors = on_all(phones, lambda phone: push_bundle(phone, bundle, on_bytes=advance))
    if as_json:
        print_json({"devices": len(sizes), "bytes": sizes})
    else:
        screen.print(f"{bundle}: {sum(sizes):,} bytes to {len(sizes)} devices", highlight=False, markup=False)
    _raise(errors)


@android.command()
def benchmark(
    bundle: MaybeBundle = None,
    serial: Serials = None,
    runs: Annotated[int, typer.Option(min=1, help="Timed inferences of each configuration.")] = 200,
    tolerance: Annotated[float, typer.Option(help="Repeat until two medians in a row are as close.")] = 0.05,
    repeats: Annotated[int, typer.Option(min=1, help="Repetitions, at most.")] = 5,
    time_limit: Annotated[float, typer.Option(help="Seconds that one repetition may take.")] = 600.0,
    abi: Abi = "arm64-v8a",
    into: Into = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Measure latency, accuracy and golden vectors on all phones at once, until the times are stable."""
    _measure(bundle, serial, runs, tolerance, repeats, time_limit, abi, into, out, as_json)


@android.command()
def evaluate(
    bundle: MaybeBundle = None,
    serial: Serials = None,
    time_limit: Annotated[float, typer.Option(help="Seconds that it may take.")] = 600.0,
    abi: Abi = "arm64-v8a",
    into: Into = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Find the accuracy over the bundle's samples on all phones at once: benchmark, once, with few timed inferences."""
    _measure(bundle, serial, 10, 0.05, 1, time_limit, abi, into, out, as_json)


@android.command()
def pull(serial: Serials = None, into: Into = None, out: Out = None, as_json: AsJson = False) -> None:
    """Fetch what the app measured last."""
    from qat_kit.measure.android import find_phones, on_all, pull_result

    found, errors = on_all(find_phones(serial or ()), pull_result)
    _show(found, into, out, as_json)
    _raise(errors)


def _measure(
    bundle: Path | None,
    serials: list[str] | None,
    runs: int,
    tolerance: float,
    repeats: int,
    time_limit: float,
    abi: str,
    into: Path | None,
    out: Path | None,
    as_json: bool,
) -> None:
    from qat_kit.measure.android import Phone, Plan, find_phones, measure_phone, on_all
    from qat_kit.progress import RichProgress

    plan = Plan(num_runs=runs, tolerance=tolerance, max_repeats=repeats, seconds=time_limit, abi=abi)
    phones = find_phones(serials or ())
    kept: dict[str, DeviceMeasurement] = {}
    lock = threading.Lock()

    def keep(device: DeviceMeasurement) -> None:
        # A phone that is lost later does not take with it what is here already.
        with lock:
            kept[device.name] = device
            add_device(into, device)

    def measured(phone: Phone) -> None:
        keep(measure_phone(phone, bundle, plan=plan, on_result=keep))
        advance(1)

    with RichProgress(Screen(stderr=True)).track(f"measuring on {len(phones)} devices", len(phones)) as advance:
        _, errors = on_all(phones, measured)
    _show(list(kept.values()), None, out, as_json)
    _raise(errors)


def _show(devices: Sequence[DeviceMeasurement], into: Path | None, out: Path | None, as_json: bool) -> None:
    from qat_kit.files import write_text
    from qat_kit.results import DeviceMeasurements
    from qat_kit.screen import show_devices

    for device in devices:
        add_device(into, device)
    found = DeviceMeasurements(devices=tuple(devices))
    if out is not None:
        write_text(out, found.model_dump_json(indent=2) + "\n")
    if as_json:
        print(found.model_dump_json(indent=2))
    else:
        show_devices(Screen(), devices)


def _raise(errors: Sequence[QatKitError]) -> None:
    """All that failed, as one error."""
    if errors:
        raise DeviceError("; ".join(str(error) for error in errors))
