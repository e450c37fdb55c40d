"""Measuring on a phone: push, start, wait, pull, again until it is stable."""

from __future__ import annotations

import json
import re
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pydantic

from qat_kit.errors import DataError, DeviceError
from qat_kit.files import read_bytes
from qat_kit.measure.android.phone import Phone
from qat_kit.results import DeviceMeasurement, DeviceState, Measurement

PACKAGE = "org.qat_kit.demo"
# Of the app's own folders, the one that adb may write to, too.
FILES = f"/sdcard/Android/data/{PACKAGE}/files"
BUNDLE, RESULT = f"{FILES}/bundle", "measurement.json"
PROGRAM, PROGRAM_MODEL = "/data/local/tmp/benchmark_model", "/data/local/tmp/qat_kit_model.tflite"
_MANIFEST = "manifest.json"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How to measure. num_runs: timed inferences of a configuration. tolerance: the measurement is repeated until two
    medians in a row differ by less than this share, `max_repeats` times at most. seconds: that one may take.
    poll_seconds: how often its end is looked for. num_threads: of LiteRT's binary.
    """

    num_runs: int = 200
    tolerance: float = 0.05
    max_repeats: int = 5
    seconds: float = 600.0
    poll_seconds: float = 1.0
    abi: str = "arm64-v8a"
    num_threads: int = 1


DEFAULT_PLAN = Plan()


def push_bundle(phone: Phone, bundle: Path, *, on_bytes: Callable[[int], None] | None = None) -> int:
    """Puts a bundle (`qat-kit bundle`) where the app finds it, and returns its bytes; the manifest goes last.

    Raises DataError where the folder is no bundle, DeviceError where the phone does not take it.
    """
    files = bundle_files(bundle)
    phone.shell("mkdir", "-p", BUNDLE)
    phone.shell("rm", "-f", f"{BUNDLE}/{_MANIFEST}")
    for file in files:
        data = read_bytes(file)
        phone.push(data, f"{BUNDLE}/{file.name}")
        if on_bytes is not None:
            on_bytes(len(data))
    return sum(file.stat().st_size for file in files)


def bundle_files(bundle: Path) -> list[Path]:
    """The files of a bundle, its manifest last; raises DataError where the folder holds none."""
    files = sorted((path for path in bundle.glob("*") if path.is_file()), key=lambda path: path.name == _MANIFEST)
    if not files or files[-1].name != _MANIFEST:
        raise DataError(f"{bundle} is no bundle: it has no {_MANIFEST}; `qat-kit bundle RUN --out FOLDER` makes one")
    return files


def measure_phone(
    phone: Phone,
    bundle: Path | None,
    *,
    plan: Plan = DEFAULT_PLAN,
    on_result: Callable[[DeviceMeasurement], None] | None = None,
) -> DeviceMeasurement:
    """Measures a bundle with the demo app; without the app, its model with LiteRT's benchmark binary if that is there.

    bundle: None for what was pushed before. on_result: is given what is known after every repetition, and what the
    app had got to where the phone was lost. Raises DeviceError, DataError.
    """
    phone.require_abi(plan.abi)
    if not phone.shell("pm", "path", PACKAGE, check=False).startswith("package:") and phone.has_program(PROGRAM):
        return _with_program(phone, bundle, plan)
    phone.require_app(PACKAGE)
    if bundle is not None:
        push_bundle(phone, bundle)
    before = phone.state()
    medians: list[float] = []
    while True:
        try:
            found = _run_app(phone, plan)
        except _InterruptedError as lost:
            if on_result is not None and lost.partial is not None:
                lost_at = (f"lost in the middle of repetition {len(medians) + 1}",)
                on_result(_device(phone.serial, lost.partial, before, None, lost_at, is_partial=True))
            raise DeviceError(str(lost)) from None
        medians.append(found.models[0].latency.p50_ms)
        stable = len(medians) > 1 and abs(medians[-1] - medians[-2]) <= plan.tolerance * medians[-2]
        after = phone.state()
        told = ", ".join(f"{median:.4g}" for median in medians)
        words = "stable" if stable else "not stable yet"
        notes = (f"medians of {found.models[0].name}, one a repetition, in ms: {told} ({words})", _pinned(phone))
        is_last = stable or len(medians) >= plan.max_repeats
        measured = _device(phone.serial, found, before, after, notes, is_partial=not is_last)
        if on_result is not None:
            on_result(measured)
        if is_last:
            return measured


def pull_result(phone: Phone) -> DeviceMeasurement:
    """What the app measured last; raises DeviceError where there is nothing, or an error of the app's instead."""
    text = phone.read(f"{FILES}/{RESULT}")
    if text is None:
        said = phone.read(f"{FILES}/{RESULT}.error")
        reason = f"the app says: {said.decode(errors='replace').strip()}" if said else "it measured nothing yet"
        raise DeviceError(f"{phone.serial} has no measurement to pull: {reason}")
    return _device(phone.serial, _read(phone.serial, text), None, phone.state(), (), is_partial=False)


class _InterruptedError(Exception):
    """The phone was lost; what the app had written by then is kept."""

    def __init__(self, message: str, partial: Measurement | None) -> None:
        super().__init__(message)
        self.partial = partial


def _run_app(phone: Phone, plan: Plan) -> Measurement:
    """One start of the app, waited for."""
    result = f"{FILES}/{RESULT}"
    phone.shell("rm", "-f", result, f"{result}.error", f"{result}.partial")
    extras = f"--es bundle {shlex.quote(BUNDLE)} --es out {RESULT} --ei runs {plan.num_runs}"
    said = phone.shell(f"am start -S -W -n {PACKAGE}/.BenchmarkActivity {extras}")
    if "Error" in said:
        raise DeviceError(f"{phone.serial} did not start {PACKAGE}: {said.strip()[-300:]}")
    partial: Measurement | None = None
    deadline = time.monotonic() + plan.seconds
    try:
        while time.monotonic() < deadline:
            text = phone.read(result)
            if text is not None:
                return _read(phone.serial, text)
            error = phone.read(f"{result}.error")
            if error is not None:
                raise DataError(f"{phone.serial}: the app says: {error.decode(errors='replace').strip()}")
            text = phone.read(f"{result}.partial")
            partial = partial if text is None else _read(phone.serial, text)
            time.sleep(plan.poll_seconds)
    except DeviceError as lost:
        raise _InterruptedError(str(lost), partial) from None
    raise _InterruptedError(f"{phone.serial}: the app did not finish in {plan.seconds:g} s", partial)


def _read(serial: str, text: bytes) -> Measurement:
    try:
        return Measurement.model_validate_json(text)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise DeviceError(
            f"{serial}: the app's result is no measurement of this version of qat_kit: {where}: {first['msg']}"
        ) from None


def _device(
    serial: str,
    found: Measurement,
    before: DeviceState | None,
    after: DeviceState | None,
    notes: tuple[str, ...],
    *,
    is_partial: bool,
) -> DeviceMeasurement:
    facts = found.environment
    return DeviceMeasurement(
        name=f"{facts.get('device', 'Android')} ({serial})",
        kind="android",
        models=found.models,
        environment=facts,
        before=before,
        after=after,
        notes=notes,
        is_partial=is_partial or facts.get("partial") == "true",
    )


def _pinned(phone: Phone) -> str:
    """Pins the app to the big cores where the shell may; in words what came of it."""
    cores = phone.big_cores()
    if not cores:
        return "not pinned: the phone does not say which of its cores are big"
    process = phone.shell("pidof", PACKAGE, check=False).split()
    mask = f"{sum(1 << core for core in cores):x}"
    if process and "failed" not in phone.shell(f"taskset -ap {mask} {process[0]} 2>&1 || echo failed", check=False):
        return f"pinned to cores {', '.join(map(str, cores))}"
    return "not pinned: Android lets no shell without root pin an app; its scheduler chose the cores"


def _with_program(phone: Phone, bundle: Path | None, plan: Plan) -> DeviceMeasurement:
    """LiteRT's own benchmark, pinned to the big cores; it tells no percentiles, so its figures are a note."""
    if bundle is None:
        raise DeviceError(f"{phone.serial} has no app {PACKAGE}, so there is no bundle on it: give one")
    name = json.loads(read_bytes(bundle_files(bundle)[-1]))["files"][0]["name"]
    phone.push(read_bytes(bundle / name), PROGRAM_MODEL)
    before, cores = phone.state(), phone.big_cores()
    pin = f"taskset {sum(1 << core for core in cores):x} " if cores else ""
    options = f"--graph={PROGRAM_MODEL} --num_threads={plan.num_threads} --num_runs={plan.num_runs} --use_xnnpack=true"
    said = phone.shell(f"{pin}{PROGRAM} {options} 2>&1", check=False)
    notes = program_notes(said)
    if not notes:
        wrong = "not executable" in said or "Exec format" in said
        remedy = f"it was built for another ABI than {plan.abi}" if wrong else said.strip()[-300:]
        raise DeviceError(f"{phone.serial}: {PROGRAM} gave no figures: {remedy}")
    where = f"pinned to cores {', '.join(map(str, cores))}" if cores else "not pinned"
    return DeviceMeasurement(
        name=f"{phone.property('ro.product.model') or 'Android'} ({phone.serial})",
        kind="android",
        environment={"architecture": plan.abi, "benchmark": "LiteRT's benchmark_model"},
        before=before,
        after=phone.state(),
        notes=(*notes, f"xnnpack, {plan.num_threads} threads, {where}"),
    )


def program_notes(said: str) -> tuple[str, ...]:
    """What LiteRT's benchmark binary found, in words; empty where it found nothing.

    >>> program_notes("Init: 413, First inference: 91, Warmup (avg): 30.5, Inference (avg): 28")
    ('benchmark_model, in ms: init 0.413, first inference 0.091, warm-up 0.0305, mean 0.028',)
    """
    line = r"Init: ([\d.e+]+), First inference: ([\d.e+]+), Warmup \(avg\): ([\d.e+]+), Inference \(avg\): ([\d.e+]+)"
    found = re.search(line, said)
    if found is None:
        return ()
    init, first, warm_up, mean = (float(value) / 1000 for value in found.groups())
    return (
        f"benchmark_model, in ms: init {init:.4g}, first inference {first:.4g}, warm-up {warm_up:.4g}, mean {mean:.4g}",
    )
