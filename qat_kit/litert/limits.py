"""What a child process may take, and where it runs. Apart, since what starts processes takes a while to import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a child process may take.

    seconds: for one question (loading a file, one inference). memory_bytes: of address space, over what the interpreter
    of Python itself takes.
    """

    seconds: float = 60.0
    memory_bytes: int = 4 << 30


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Where a child runs that is not to run on this machine itself, as under an emulator.

    command: what stands before `-m MODULE`. environment: all of it. start_seconds: what the start may take.
    """

    command: tuple[str, ...]
    environment: Mapping[str, str]
    start_seconds: float = 60.0
