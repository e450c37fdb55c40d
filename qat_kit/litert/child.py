"""A child process with limits, and questions to it: what a file from outside may harm is that process alone."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from qat_kit import errors
from qat_kit.errors import ModelCrashError, QatKitError
from qat_kit.litert.limits import Limits, Machine
from qat_kit.litert.messages import HEADER, Arrays, pack, unpack

__all__ = ["Child", "Limits", "Machine"]

# Of absl's logs, and of TensorFlow's older ones.
_LOG_PREFIX = re.compile(r"^(?:[IWEF]\d{4} [\d:.]+ +\d+ |\d{4}-\d\d-\d\d [\d:.]+: )")
_ADDRESS = re.compile(r"0x[0-9a-f]{6,}")


class Child:
    """One process that runs `python -m MODULE` and answers questions (`serve` is its other end).

    what: what it does, for messages. machine: None for this one. It ends with this object, or with `close`.
    """

    def __init__(self, module: str, *, what: str, limits: Limits, machine: Machine | None = None) -> None:
        self._what, self._limits = what, limits
        # Its own words are read when it has died. It may have died of them, so they are no pipe, and are bounded there.
        self._chatter = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the process
        settings = json.dumps({"memory_bytes": limits.memory_bytes, "seconds": limits.seconds})
        machine = machine or _this_machine()
        self._process = subprocess.Popen(
            [*machine.command, "-m", module, settings],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._chatter,
            env=dict(machine.environment),
        )
        self._end = weakref.finalize(self, _end, self._process, self._chatter)
        self._to, self._from = _descriptor(self._process.stdin), _descriptor(self._process.stdout)
        for descriptor in (self._to, self._from):
            os.set_blocking(descriptor, False)
        self._exchange(None, machine.start_seconds)

    def ask(self, facts: Mapping[str, Any], arrays: Arrays | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
        """The answer to one question, within the time limit.

        Raises the QatKitError that the child raised, and ModelCrashError where the child died (the signal is named) or
        took too long.
        """
        answer, found = self._exchange(pack(facts, arrays), self._limits.seconds)
        if "error" in answer:
            kind = getattr(errors, str(answer["error"]), QatKitError)
            # Those that are made of more than a message stay behind as their words.
            raise (QatKitError if "__init__" in vars(kind) else kind)(str(answer.get("message")))
        return answer, found

    @property
    def process_id(self) -> int:
        """Of the process, as the system knows it."""
        return self._process.pid

    def close(self) -> None:
        """Ends the process."""
        self._end()

    def _exchange(self, question: bytes | None, seconds: float) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        if not self._end.alive:
            raise ModelCrashError(f"{self._what}: the process that did it has ended")
        deadline = time.monotonic() + seconds
        try:
            self._write(question or b"", deadline)
            length, text_length = HEADER.unpack(self._read(HEADER.size, deadline))
            if not text_length <= length <= self._limits.memory_bytes:
                raise ValueError(f"a message of {length} bytes")
            return unpack(text_length, self._read(length, deadline))
        except TimeoutError:
            self.close()
            raise ModelCrashError(
                f"{self._what} took longer than {seconds:g} s and was stopped; allow it more time if it is large"
            ) from None
        except (EOFError, BrokenPipeError):
            raise ModelCrashError(self._obituary()) from None
        except (ValueError, TypeError, KeyError) as error:
            self.close()
            raise ModelCrashError(f"{self._what} gave an answer that cannot be read ({error})") from None

    def _write(self, data: bytes, deadline: float) -> None:
        view = memoryview(data)
        while view:
            _wait(self._to, select.POLLOUT, deadline)
            view = view[os.write(self._to, view[: 1 << 16]) :]

    def _read(self, length: int, deadline: float) -> bytes:
        parts: list[bytes] = []
        while length:
            _wait(self._from, select.POLLIN, deadline)
            part = os.read(self._from, min(length, 1 << 20))
            if not part:
                raise EOFError
            parts.append(part)
            length -= len(part)
        return b"".join(parts)

    def _obituary(self) -> str:
        """How the process died, in words."""
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            code = 0
        self._chatter.seek(0)
        words = self._chatter.read(1 << 16).decode(errors="replace").splitlines()
        self.close()
        said = [timeless(line.strip()) for line in words if line.strip() and not line.startswith("INFO:")][-3:]
        ending = f"; its last words: {' | '.join(said)}" if said else ""
        if code < 0:
            return (
                f"{self._what} killed its process by {_signal_name(-code)}: the file is damaged or hostile, or met a "
                f"defect of LiteRT{ending}"
            )
        return f"{self._what} ended its process (exit code {code}){ending}"


def _this_machine() -> Machine:
    return Machine(
        # -P: no module is taken from the folder in which one happens to stand.
        command=(sys.executable, "-P"),
        environment={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "OPENBLAS_NUM_THREADS": "1",
        },
    )


def timeless(line: str) -> str:
    """A line of a log without its time, its thread and its addresses: the same death has the same words.

    >>> timeless("F0000 00:00:1764079545.123456   12345 conv.cc:12] at 0x7f3a2b1c4d5e")
    'conv.cc:12] at 0x…'
    >>> timeless("2026-11-25 14:25:45.123456: F conv.cc:12] no bias")
    'F conv.cc:12] no bias'
    """
    return _ADDRESS.sub("0x…", _LOG_PREFIX.sub("", line))


def _signal_name(number: int) -> str:
    """A signal as people know it.

    >>> _signal_name(11)
    'SIGSEGV (segmentation fault)'
    """
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
    return f"{name} ({(signal.strsignal(number) or name).lower()})"


def _wait(descriptor: int, event: int, deadline: float) -> None:
    poll = select.poll()
    poll.register(descriptor, event)
    if not poll.poll(max(0.0, 1000 * (deadline - time.monotonic()))):
        raise TimeoutError


def _descriptor(stream: Any) -> int:
    return int(stream.fileno())


def _end(process: subprocess.Popen[bytes], chatter: Any) -> None:
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout, chatter):
        if stream is not None:
            stream.close()
