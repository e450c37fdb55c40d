"""Phones over a real adb server, with a stand-in that speaks adb's own wire format and is cut off anywhere."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qat_kit.errors import DataError, DeviceError
from qat_kit.measure.android import (
    Phone,
    Plan,
    find_phones,
    list_phones,
    measure_phone,
    on_all,
    pull_result,
    push_bundle,
)
from qat_kit.results import DeviceMeasurement, Latency, Measurement, ModelMeasurement
from tests.support.android_device import RESULT, StandIn

pytestmark = [
    pytest.mark.xdist_group("adb"),
    pytest.mark.skipif(shutil.which("adb") is None, reason="needs adb, which Debian's package of that name has"),
]
pytest.importorskip("adbutils", reason="needs adbutils: pip install 'qat-kit[android]'")

QUICK = Plan(num_runs=10, poll_seconds=0.02, seconds=20, max_repeats=3)
Connect = Callable[[StandIn], Phone]


@pytest.fixture(scope="module")
def server() -> Iterator[None]:
    """An adb server of the tests' own."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    before = os.environ.get("ANDROID_ADB_SERVER_PORT")
    os.environ["ANDROID_ADB_SERVER_PORT"] = str(port)
    process = subprocess.Popen(
        ["adb", "-P", str(port), "nodaemon", "server"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    yield
    process.terminate()
    process.wait()
    os.environ.pop("ANDROID_ADB_SERVER_PORT")
    if before is not None:
        os.environ["ANDROID_ADB_SERVER_PORT"] = before


def adb(*arguments: str) -> str:
    port = os.environ["ANDROID_ADB_SERVER_PORT"]
    return subprocess.run(["adb", "-P", port, *arguments], capture_output=True, text=True, check=False).stdout


@pytest.fixture
def connect(server: None) -> Iterator[Connect]:
    """`adb connect` to stand-ins, which are disconnected at the end."""

    def connected(device: StandIn) -> Phone:
        assert "connected" in adb("connect", device.address)
        (phone,) = find_phones([device.address])
        return phone

    yield connected
    # Also those that the server would try to reach again.
    deadline = time.monotonic() + 10
    while list_phones() and time.monotonic() < deadline:
        adb("disconnect")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / "model.tflite").write_bytes(bytes(range(256)) * 1024)
    (folder / "manifest.json").write_text(json.dumps({"files": [{"name": "model.tflite"}]}), encoding="utf-8")
    return folder


def result(median_ms: float = 0.5, **environment: str) -> bytes:
    names = (
        "mean_ms",
        "std_ms",
        "min_ms",
        "p5_ms",
        "p50_ms",
        "p50_low_ms",
        "p50_high_ms",
        "p90_ms",
        "p95_ms",
        "p99_ms",
    )
    times = dict.fromkeys((*names, "max_ms"), median_ms)
    latency = Latency(kernel_set="xnnpack", num_threads=1, num_runs=10, num_warm_up_runs=1, **times)  # type: ignore[arg-type]  # all floats
    model = ModelMeasurement(name="int8_tflite", quality=None, size_bytes=262144, latency=latency)
    facts = {"device": "Stand-in 1", **environment}
    return Measurement(models=(model,), environment=facts).model_dump_json().encode()


def test_a_phone_tells_what_it_is(connect: Connect) -> None:
    with StandIn() as device:
        facts = connect(device).facts()
    assert (facts.model, facts.android, facts.abis) == ("Stand-in 1", "15", ("arm64-v8a", "armeabi-v7a"))
    assert facts.big_cores == (2, 3)


def test_files_arrive_whole_and_come_back(connect: Connect, bundle: Path) -> None:
    with StandIn() as device:
        phone = connect(device)
        assert push_bundle(phone, bundle) == 262144 + (bundle / "manifest.json").stat().st_size
        name, content = next(iter(device.files.items()))
        assert name.endswith("files/bundle/model.tflite")
        assert content == (bundle / "model.tflite").read_bytes() == phone.read(name)
        assert phone.read("/sdcard/nothing") is None


def test_a_measurement_is_repeated_until_it_is_stable(connect: Connect, bundle: Path) -> None:
    kept: list[DeviceMeasurement] = []
    with StandIn(result=result(0.5)) as device:
        found = measure_phone(connect(device), bundle, plan=QUICK, on_result=kept.append)
    assert [command for command in device.commands if command.startswith("am start")] == [
        "am start -S -W -n org.qat_kit.demo/.BenchmarkActivity "
        "--es bundle /sdcard/Android/data/org.qat_kit.demo/files/bundle --es out measurement.json --ei runs 10"
    ] * 2
    assert [each.is_partial for each in kept] == [True, False]
    assert found.name == f"Stand-in 1 ({device.address})"
    assert found.models[0].latency.p50_ms == 0.5
    assert found.before is not None
    assert (found.before.thermal_status, found.before.battery_percent, found.before.battery_celsius) == (
        "light",
        81,
        31.2,
    )
    assert found.before.is_charging
    assert "0.5, 0.5 (stable)" in found.notes[0]
    assert found.notes[1].startswith("not pinned")


def test_a_phone_that_is_lost_in_mid_run_leaves_what_it_had_measured(connect: Connect, bundle: Path) -> None:
    kept: list[DeviceMeasurement] = []
    with StandIn(result=result(), partial=result(0.7, partial="true"), cut_at="in the middle") as device:
        phone = connect(device)
        with pytest.raises(DeviceError, match="was lost while reading"):
            measure_phone(phone, bundle, plan=QUICK, on_result=kept.append)
    assert [each.models[0].latency.p50_ms for each in kept] == [0.7]
    assert kept[0].is_partial


def test_a_cable_that_goes_in_mid_transfer_is_an_error_and_no_bundle(connect: Connect, bundle: Path) -> None:
    with StandIn(cut_after_bytes=100_000) as device:
        phone = connect(device)
        with pytest.raises(DeviceError, match=r"was lost while writing .*model\.tflite"):
            push_bundle(phone, bundle)
    assert not device.files


def test_a_shell_that_is_cut_is_no_empty_answer(connect: Connect) -> None:
    with StandIn(cut_at="dumpsys battery") as device:
        phone = connect(device)
        with pytest.raises(DeviceError, match="was lost while running `dumpsys battery`"):
            phone.state()


def test_a_cut_in_a_reading_is_an_error(connect: Connect) -> None:
    with StandIn(files={RESULT: result()}, cut_at="measurement.json") as device:
        phone = connect(device)
        with pytest.raises(DeviceError, match="was lost while reading"):
            pull_result(phone)


@pytest.mark.parametrize(
    ("device", "error", "words"),
    [
        (StandIn(has_app=False), DeviceError, r"has no app org\.qat_kit\.demo: build android_demo/"),
        (StandIn(abis="armeabi-v7a"), DeviceError, "runs armeabi-v7a, and arm64-v8a was asked for"),
        (StandIn(space=1000), DeviceError, "has no space left for .*model.tflite"),
        (StandIn(app_error="labels.txt has 9 lines"), DataError, "the app says: labels.txt has 9 lines"),
        (StandIn(result=b'{"models": 3}'), DeviceError, "no measurement of this version of qat_kit: models"),
        (StandIn(has_app=False, program_says="not executable: 64-bit ELF file"), DeviceError, "another ABI"),
    ],
    ids=["no app", "abi", "full", "app", "schema", "program"],
)
def test_each_failure_has_its_words(
    connect: Connect, bundle: Path, device: StandIn, error: type[Exception], words: str
) -> None:
    with device, pytest.raises(error, match=words):
        measure_phone(connect(device), bundle, plan=QUICK)


def test_the_official_benchmark_runs_on_the_big_cores_where_the_app_is_missing(connect: Connect, bundle: Path) -> None:
    said = "Inference timings in us: Init: 413, First inference: 91, Warmup (avg): 30.5, Inference (avg): 28"
    with StandIn(has_app=False, program_says=said) as device:
        found = measure_phone(connect(device), bundle, plan=QUICK)
    assert found.notes[0].endswith("mean 0.028")
    assert "pinned to cores 2, 3" in found.notes[1]


def test_who_is_not_there_or_lets_nobody_in_is_named(connect: Connect, server: None) -> None:
    with pytest.raises(DeviceError, match="adb sees no device: plug one in"):
        find_phones()
    with pytest.raises(DeviceError, match="adb sees no device nobody; it sees none"):
        find_phones(["nobody"])
    with StandIn(is_authorized=False) as device:
        # It waits for the button on the screen to be pressed.
        waiting = subprocess.Popen(["adb", "-P", os.environ["ANDROID_ADB_SERVER_PORT"], "connect", device.address])
        try:
            deadline = time.monotonic() + 10
            while [each.state for each in list_phones()] != ["unauthorized"] and time.monotonic() < deadline:
                time.sleep(0.05)
            with pytest.raises(DeviceError, match="has not allowed this computer"):
                find_phones([device.address])
        finally:
            waiting.kill()
            waiting.wait()


def test_one_phones_failure_leaves_the_others_results(connect: Connect, bundle: Path) -> None:
    with StandIn(result=result()) as good, StandIn(has_app=False) as bad:
        phones = [connect(good), connect(bad)]
        results, errors = on_all(phones, lambda phone: measure_phone(phone, bundle, plan=QUICK))
    assert [each.name for each in results] == [f"Stand-in 1 ({good.address})"]
    assert [type(each) for each in errors] == [DeviceError]


def test_the_command_keeps_what_came_and_ends_with_two(connect: Connect, bundle: Path, tmp_path: Path) -> None:
    target = tmp_path / "measurement.json"
    Measurement.model_validate_json(result()).save(target)
    command = [
        sys.executable,
        "-m",
        "qat_kit.cli",
        "android",
        "benchmark",
        str(bundle),
        "--into",
        str(target),
        "--json",
    ]
    with StandIn(result=result()) as good, StandIn(partial=result(0.7), cut_at="in the middle") as bad:
        for device in (good, bad):
            connect(device)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "was lost while reading" in done.stderr
    kept = {each.name: each.is_partial for each in Measurement.load(target).devices}
    assert kept == {f"Stand-in 1 ({good.address})": False, f"Stand-in 1 ({bad.address})": True}
    assert len(json.loads(done.stdout)["devices"]) == 2
