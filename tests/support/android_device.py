"""A device that speaks adb's wire format on loopback, as adbd does: for a real adb server to connect to.

Messages (CNXN, AUTH, OPEN, OKAY, WRTE, CLSE), the services `shell,v2:` and `sync:` (STAT, SEND, RECV, QUIT). What it
runs is a small part of Android's shell, and an app that measures; it can be cut off in the middle of anything.

Source: Android's packages/modules/adb, protocol.txt, SYNC.TXT and shell_protocol.h.
"""

from __future__ import annotations

import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Self

_HEADER = struct.Struct("<6I")
_VERSION, _MAX_DATA = 0x01000001, 256 << 10
_REGULAR = 0o100644
RESULT = "/sdcard/Android/data/org.qat_kit.demo/files/measurement.json"


class CutError(Exception):
    """The cable is out."""


@dataclass
class StandIn:
    """What the device is and does. result: what each start of the app writes; partial: what it has written before.

    cut_after_bytes: of a file that is sent. cut_at: a part of a command or of a path that is read. space: in bytes.
    """

    result: bytes = b""
    partial: bytes = b""
    polls_until_result: int = 2
    abis: str = "arm64-v8a,armeabi-v7a"
    has_app: bool = True
    app_error: str = ""
    program_says: str | None = None
    is_authorized: bool = True
    space: int = 1 << 30
    cut_after_bytes: int | None = None
    cut_at: str | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._polls, self._is_measuring, self._connections = 0, False, []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()

    def cut(self) -> None:
        """Ends all connections, and takes no more."""
        for end in (self._listener, *self._connections):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            threading.Thread(target=_Connection(self, connection).serve, daemon=True).start()

    def run(self, command: str) -> tuple[int, str]:
        """(exit code, what is printed) of a command."""
        self.commands.append(command)
        self._cut_at(command)
        for pattern, answer in self._answers():
            found = re.match(pattern, command)
            if found:
                return answer(found)
        return 127, f"sh: {command.split()[0]}: not found"

    def _answers(self) -> Iterator[tuple[str, Callable[[re.Match[str]], tuple[int, str]]]]:
        properties = {
            "ro.product.model": "Stand-in 1",
            "ro.product.cpu.abilist": self.abis,
            "ro.build.version.release": "15",
        }
        clocks = [1_800_000, 1_800_000, 2_400_000, 2_400_000]
        files = "/sys/devices/system/cpu/cpu{}/cpufreq/cpuinfo_max_freq:{}\n"
        yield r"getprop (\S+)", lambda found: (0, properties.get(found[1], "") + "\n")
        yield r"grep -H", lambda _: (0, "".join(files.format(*pair) for pair in enumerate(clocks)))
        yield r"dumpsys thermalservice", lambda _: (0, "IsStatusOverride: false\nThermal Status: 1\n")
        yield (
            r"dumpsys battery",
            lambda _: (
                0,
                "Battery state:\n  AC powered: false\n  USB powered: true\n  level: 81\n  temperature: 312\n",
            ),
        )
        yield r"mkdir -p", lambda _: (0, "")
        yield r"rm -f (.*)", lambda found: (0, self._remove(found[1].split()))
        yield r"pm path", lambda _: (0, "package:/data/app/base.apk\n") if self.has_app else (1, "")
        yield r"am start .*BenchmarkActivity", lambda _: (0, self._start())
        yield r"pidof", lambda _: (0, "4711\n")
        yield r"taskset -ap", lambda _: (0, "taskset: 4711: Operation not permitted\nfailed\n")
        yield r"test -x", lambda _: (0, "yes\n") if self.program_says is not None else (1, "")
        yield r"taskset c /data/local/tmp/benchmark_model", lambda _: (0, self.program_says or "")

    def _start(self) -> str:
        self._polls, self._is_measuring = 0, True
        return "Starting: Intent { cmp=org.qat_kit.demo/.BenchmarkActivity }\nStatus: ok\n"

    def _remove(self, paths: list[str]) -> str:
        for path in paths:
            self.files.pop(path, None)
        return ""

    def look(self, path: str) -> bytes | None:
        """What is in a file by now."""
        if path == RESULT and self._is_measuring:
            self._polls += 1
            if self.partial:
                self.files[f"{path}.partial"] = self.partial
            if self._polls > self.polls_until_result:
                self.files[f"{path}.error" if self.app_error else path] = self.app_error.encode() or self.result
                self._is_measuring = False
            elif self._polls == self.polls_until_result:
                self._cut_at("in the middle")
        return self.files.get(path)

    def _cut_at(self, what: str) -> None:
        if self.cut_at is not None and self.cut_at in what:
            self.cut()
            raise CutError


class _Connection:
    """One adb server's connection: messages in, streams by number."""

    def __init__(self, device: StandIn, connection: socket.socket) -> None:
        self._device, self._connection = device, connection
        self._lock = threading.Lock()
        self._streams: dict[int, _Stream] = {}

    def serve(self) -> None:
        try:
            while True:
                command, first, second, length, _, magic = _HEADER.unpack(self._exactly(_HEADER.size))
                assert command ^ magic == 0xFFFFFFFF
                self._take(struct.pack("<I", command), first, second, self._exactly(length))
        except (OSError, EOFError):
            return

    def send(self, command: bytes, first: int, second: int, data: bytes = b"") -> None:
        number = struct.unpack("<I", command)[0]
        header = _HEADER.pack(number, first, second, len(data), sum(data) & 0xFFFFFFFF, number ^ 0xFFFFFFFF)
        with self._lock:
            self._connection.sendall(header + data)

    def _take(self, command: bytes, first: int, second: int, data: bytes) -> None:
        if command in (b"CNXN", b"AUTH"):
            if self._device.is_authorized:
                about = b"device::ro.product.name=standin;ro.product.model=Stand_in_1;features=shell_v2,cmd"
                self.send(b"CNXN", _VERSION, _MAX_DATA, about)
            elif command == b"CNXN" or first == 2:
                # A token to be signed, and another where the signature is none that is known. Then the other side shows
                # its key, and nobody presses the button on the screen.
                self.send(b"AUTH", 1, 0, bytes(20))
        elif command == b"OPEN":
            stream = _Stream(self, local=len(self._streams) + 1, remote=first)
            self._streams[stream.local] = stream
            self.send(b"OKAY", stream.local, first)
            service = data.rstrip(b"\0").decode()
            threading.Thread(target=stream.serve, args=(self._device, service), daemon=True).start()
        elif second in self._streams:
            self._streams[second].take(command, data)

    def _exactly(self, length: int) -> bytes:
        parts = b""
        while len(parts) < length:
            part = self._connection.recv(length - len(parts))
            if not part:
                raise EOFError
            parts += part
        return parts


class _Stream:
    """One service. A WRTE of either side is followed by the other's OKAY before the next."""

    def __init__(self, connection: _Connection, *, local: int, remote: int) -> None:
        self._connection, self.local, self._remote = connection, local, remote
        self._incoming: SimpleQueue[bytes | None] = SimpleQueue()
        self._ready = threading.Semaphore(0)
        self._rest = b""

    def take(self, command: bytes, data: bytes) -> None:
        if command == b"OKAY":
            self._ready.release()
        elif command == b"WRTE":
            self._incoming.put(data)
            self._connection.send(b"OKAY", self.local, self._remote)
        else:
            self._incoming.put(None)
            self._ready.release()

    def serve(self, device: StandIn, service: str) -> None:
        try:
            if service.startswith("shell,v2"):
                code, text = device.run(service.partition(":")[2])
                self._write(_packet(1 if code == 0 else 2, text.encode()) + _packet(3, bytes([code])))
            elif service.startswith("sync:"):
                self._sync(device)
            self._connection.send(b"CLSE", self.local, self._remote)
        except (CutError, OSError, EOFError):
            return

    def _sync(self, device: StandIn) -> None:
        while True:
            kind, length = self._read(4), struct.unpack("<I", self._read(4))[0]
            if kind == b"QUIT":
                return
            name = self._read(length).decode()
            if kind == b"STAT":
                content = device.look(name)
                self._write(
                    b"STAT" + struct.pack("<3I", _REGULAR if content is not None else 0, len(content or b""), 1)
                )
            elif kind == b"RECV":
                device._cut_at(name)
                content = device.files[name]
                for start in range(0, len(content), 64 << 10):
                    part = content[start : start + (64 << 10)]
                    self._write(b"DATA" + struct.pack("<I", len(part)) + part)
                self._write(b"DONE" + struct.pack("<I", 0))
            elif kind == b"SEND":
                self._receive(device, name.rpartition(",")[0])

    def _receive(self, device: StandIn, path: str) -> None:
        content = b""
        while True:
            kind, length = self._read(4), struct.unpack("<I", self._read(4))[0]
            if kind == b"DONE":
                break
            content += self._read(length)
            if device.cut_after_bytes is not None and len(content) > device.cut_after_bytes:
                device.cut()
                raise CutError
        if len(content) > device.space:
            reason = b"couldn't write: No space left on device"
            self._write(b"FAIL" + struct.pack("<I", len(reason)) + reason)
            return
        device.files[path] = content
        device.space -= len(content)
        self._write(b"OKAY" + struct.pack("<I", 0))

    def _read(self, length: int) -> bytes:
        while len(self._rest) < length:
            data = self._incoming.get()
            if data is None:
                raise EOFError
            self._rest += data
        found, self._rest = self._rest[:length], self._rest[length:]
        return found

    def _write(self, data: bytes) -> None:
        self._connection.send(b"WRTE", self.local, self._remote, data)
        self._ready.acquire()


def _packet(kind: int, data: bytes) -> bytes:
    """Of the shell's second protocol: 1 what is printed, 2 what is complained, 3 the exit code."""
    return struct.pack("<BI", kind, len(data)) + data
