"""A child process under limits of time and memory, its output kept."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

_POLL_S = 0.02


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a child may take. memory_mb: of resident memory, in MiB; None: all that the machine has.

    The resident memory is watched, not RLIMIT_AS set: TensorFlow reserves three times the address space that it uses,
    the more so the more threads there are, and what it does on the limit is an abort without words.
    """

    time_s: float = 900.0
    memory_mb: int | None = None


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a child ended. code: negative for a signal. over: the limit that it broke. output: all that it printed."""

    code: int
    over: Literal["time", "memory"] | None
    output: str


def run_module(module: str, arguments: Sequence[str], *, limits: Limits, output: Path) -> Ending:
    """Runs `python -m module arguments`; what it prints goes to the file `output` and into the Ending."""
    over: Literal["time", "memory"] | None = None
    deadline = time.monotonic() + limits.time_s
    with output.open("wb") as file:
        child = subprocess.Popen([sys.executable, "-m", module, *arguments], stdout=file, stderr=file)
        try:
            while over is None:
                try:
                    child.wait(_POLL_S)
                    break
                except subprocess.TimeoutExpired:
                    if time.monotonic() > deadline:
                        over = "time"
                    elif limits.memory_mb is not None and _resident_mb(child.pid) > limits.memory_mb:
                        over = "memory"
        finally:
            # Also when the caller is interrupted: no child outlives it.
            if child.poll() is None:
                child.kill()
                child.wait()
    return Ending(code=child.returncode, over=over, output=output.read_text(encoding="utf-8", errors="replace"))


def _resident_mb(process: int) -> float:
    """Resident memory in MiB, 0 where the process has just ended. Source: proc(5), /proc/pid/status, VmRSS."""
    try:
        lines = Path(f"/proc/{process}/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:")), 0.0)
