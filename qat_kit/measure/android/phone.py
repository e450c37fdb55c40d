"""One phone over adb: its shell, its files, its state; and every failure in words."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from qat_kit.errors import DeviceError
from qat_kit.results import DeviceState, Record

_STATES = {
    "unauthorized": "has not allowed this computer: unlock it, and accept the question about USB debugging",
    "offline": "is offline: plug it in again, or `adb reconnect`",
    "no permissions": "may not be opened by this user: add the udev rule for it, or start adb's server as another user",
}
# Android's PowerManager.THERMAL_STATUS_*.
_HEAT = ("none", "light", "moderate", "severe", "critical", "emergency", "shutdown")
_CHUNK = 64 << 10
_TIMEOUT_S = 60.0
_REGULAR = 0o100644


class PhoneFacts(Record):
    """What a phone says of itself. abis: the best first. big_cores: of the highest clock, by number."""

    serial: str
    state: str
    model: str = ""
    android: str = ""
    abis: tuple[str, ...] = ()
    big_cores: tuple[int, ...] = ()


class Phone:
    """A device that is connected and lets this computer in. Every method raises DeviceError where it is lost.

    client: adbutils' way to adb's server.
    """

    def __init__(self, client: Any, serial: str) -> None:
        self._client, self.serial = client, serial

    @contextmanager
    def _service(self, name: str) -> Iterator[Any]:
        """A service of the device, such as `sync:`. adbutils' own leaves its socket open where the device is gone."""
        with self._client.make_connection(timeout=_TIMEOUT_S) as connection:
            connection.send_command(f"host:transport:{self.serial}")
            connection.check_okay()
            connection.send_command(name)
            connection.check_okay()
            yield connection

    def shell(self, *words: str, check: bool = True) -> str:
        """What a command prints; raises DeviceError where it fails, unless told not to check.

        Source: Android's packages/modules/adb, shell_protocol.h: packets of a kind, a length and data.
        """
        command = " ".join(words)
        said: dict[int, bytes] = {1: b"", 2: b"", 3: b""}
        with speaking(self.serial, f"running `{command}`"), self._service(f"shell,v2:{command}") as connection:
            while not said[3]:
                kind, length = struct.unpack("<BI", connection.read_exact(5))
                said[kind] = said.get(kind, b"") + connection.read_exact(length)
        printed, complained = (said[kind].decode(errors="replace") for kind in (1, 2))
        if check and said[3][0]:
            reason = (complained or printed).strip()[-300:]
            raise DeviceError(f"{self.serial}: `{command}` failed (exit code {said[3][0]}): {reason}")
        return printed

    def push(self, data: bytes, path: str) -> None:
        """Writes a file, over adb's sync service; raises DeviceError with the device's own reason."""
        what, reason = f"writing {path}", ""
        with speaking(self.serial, what), self._service("sync:") as connection:
            target = f"{path},{_REGULAR}".encode()
            # A device that refuses says why before it closes.
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.conn.sendall(b"SEND" + struct.pack("<I", len(target)) + target)
                for start in range(0, len(data), _CHUNK):
                    chunk = data[start : start + _CHUNK]
                    connection.conn.sendall(b"DATA" + struct.pack("<I", len(chunk)) + chunk)
                connection.conn.sendall(b"DONE" + struct.pack("<I", int(time.time())))
            kind, length = connection.read_exact(4), connection.read_uint32()
            if kind == b"FAIL":
                reason = connection.read_exact(length).decode(errors="replace")
            elif kind != b"OKAY":
                raise EOFError(f"an answer {kind!r}")
        if "No space left" in reason:
            raise DeviceError(f"{self.serial} has no space left for {path} ({len(data):,} bytes): free some")
        if reason:
            raise DeviceError(f"{self.serial} did not take {path}: {reason}")

    def read(self, path: str) -> bytes | None:
        """A file's content; None where there is none."""
        name = path.encode()
        with speaking(self.serial, f"reading {path}"), self._service("sync:") as connection:
            connection.conn.sendall(b"STAT" + struct.pack("<I", len(name)) + name)
            _, mode, _, _ = struct.unpack("<4s3I", connection.read_exact(16))
            if not mode:
                return None
            connection.conn.sendall(b"RECV" + struct.pack("<I", len(name)) + name)
            parts: list[bytes] = []
            while True:
                kind, length = struct.unpack("<4sI", connection.read_exact(8))
                if kind == b"DONE":
                    return b"".join(parts)
                parts.append(connection.read_exact(length))
                if kind != b"DATA":
                    raise EOFError(parts[-1].decode(errors="replace"))

    def facts(self) -> PhoneFacts:
        """What it is."""
        return PhoneFacts(
            serial=self.serial,
            state="device",
            model=self.property("ro.product.model"),
            android=self.property("ro.build.version.release"),
            abis=tuple(filter(None, self.property("ro.product.cpu.abilist").split(","))),
            big_cores=self.big_cores(),
        )

    def property(self, name: str) -> str:
        """A property of the system; empty where it has none of that name."""
        return self.shell("getprop", name).strip()

    def big_cores(self) -> tuple[int, ...]:
        """The cores of the highest clock; empty where the phone does not say."""
        files = "/sys/devices/system/cpu/cpu[0-9]*/cpufreq/cpuinfo_max_freq"
        told = self.shell("grep", "-H", ".", files, check=False)
        clocks = {
            int(found[1]): int(found[2]) for found in re.finditer(r"cpu(\d+)/cpufreq/cpuinfo_max_freq:(\d+)", told)
        }
        return tuple(sorted(core for core, clock in clocks.items() if clock == max(clocks.values())))

    def state(self) -> DeviceState:
        """How hot and how charged it is now."""
        heat = re.search(r"Thermal Status: (\d)", self.shell("dumpsys", "thermalservice", check=False))
        told = dict(re.findall(r"^\s*([\w ]+): (\S+)\s*$", self.shell("dumpsys", "battery", check=False), re.MULTILINE))
        powered = [value == "true" for name, value in told.items() if name.endswith("powered")]
        return DeviceState(
            thermal_status=_HEAT[int(heat[1])] if heat and int(heat[1]) < len(_HEAT) else None,
            battery_percent=float(told["level"]) if told.get("level", "").isdigit() else None,
            battery_celsius=int(told["temperature"]) / 10 if told.get("temperature", "").isdigit() else None,
            is_charging=any(powered) if powered else None,
        )

    def require_abi(self, abi: str) -> None:
        """Raises DeviceError where the phone does not run programs of that kind."""
        found = self.property("ro.product.cpu.abilist").split(",")
        if abi not in found:
            raise DeviceError(
                f"{self.serial} runs {', '.join(filter(None, found)) or 'no ABI that it names'}, and {abi} was asked "
                "for: name one of those with --abi, with an app that was built for it"
            )

    def require_app(self, package: str) -> None:
        """Raises DeviceError where an app is not installed."""
        if not self.shell("pm", "path", package, check=False).startswith("package:"):
            raise DeviceError(
                f"{self.serial} has no app {package}: build android_demo/ and `adb install` its APK, or "
                "put LiteRT's benchmark_model into /data/local/tmp"
            )

    def has_program(self, path: str) -> bool:
        """Whether there is a file that the shell may run."""
        return self.shell(f"test -x {shlex.quote(path)} && echo yes", check=False).strip() == "yes"


@contextmanager
def speaking(serial: str, what: str) -> Iterator[None]:
    """Turns whatever adb ends with into a DeviceError that says what was being done."""
    try:
        from adbutils.errors import AdbError, AdbTimeout
    except ImportError:
        raise DeviceError("adbutils is not installed: pip install 'qat-kit[android]'") from None
    try:
        yield
    except AdbTimeout:
        raise DeviceError(f"{serial} did not answer in time while {what}: is it asleep, or its cable loose?") from None
    except (AdbError, OSError, EOFError, struct.error, ValueError) as error:
        said = str(error)
        for state, remedy in _STATES.items():
            if state in said:
                raise DeviceError(f"{serial} {remedy}") from None
        raise DeviceError(_lost(serial, what, said)) from None


def _lost(serial: str, what: str, said: str = "") -> str:
    reason = f" ({said})" if said else ""
    return (
        f"{serial} was lost while {what}{reason}: check the cable or the network and start again; what was measured "
        "before is kept"
    )


def list_phones() -> tuple[PhoneFacts, ...]:
    """All that adb sees, those included that do not let this computer in."""
    client = _client()
    with speaking("adb", "asking for devices"):
        seen = [(str(each.serial), str(each.state)) for each in client.list()]
    return tuple(_facts(client, serial, state) for serial, state in seen)


def _facts(client: Any, serial: str, state: str) -> PhoneFacts:
    if state == "device":
        # It may go in this very moment.
        with suppress(DeviceError):
            return Phone(client, serial).facts()
        state = "offline"
    return PhoneFacts(serial=serial, state=state)


def find_phones(serials: Sequence[str] = ()) -> list[Phone]:
    """The devices of those serials, or all that there are.

    Raises DeviceError where there is none, and where one asked for is not there or does not let this computer in.
    """
    client = _client()
    with speaking("adb", "asking for devices"):
        seen = {str(each.serial): str(each.state) for each in client.list()}
    wanted = list(serials) or list(seen)
    if not wanted:
        raise DeviceError("adb sees no device: plug one in and switch USB debugging on, or `adb connect HOST:PORT`")
    for serial in wanted:
        if serial not in seen:
            raise DeviceError(f"adb sees no device {serial}; it sees {', '.join(seen) or 'none'}")
        if seen[serial] != "device":
            raise DeviceError(f"{serial} {_STATES.get(seen[serial], f'is not ready: its state is {seen[serial]}')}")
    return [Phone(client, serial) for serial in wanted]


def _client() -> Any:
    try:
        import adbutils
    except ImportError:
        raise DeviceError("adbutils is not installed: pip install 'qat-kit[android]'") from None
    host = os.environ.get("ANDROID_ADB_SERVER_HOST", "127.0.0.1")
    port = int(os.environ.get("ANDROID_ADB_SERVER_PORT", "5037"))
    with socket.socket() as probe:
        probe.settimeout(3)
        is_running = probe.connect_ex((host, port)) == 0
    if not is_running and shutil.which("adb") is None:
        raise DeviceError("no adb server runs and there is no adb to start one: install Android's platform tools (adb)")
    return adbutils.AdbClient(host=host, port=port)
