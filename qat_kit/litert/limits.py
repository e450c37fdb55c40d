"""What a child process may take: `Limits`. Apart, since what starts processes takes a while to import."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a child process may take.

    seconds: for one question (loading a file, one inference). memory_bytes: of address space, over what the interpreter
    of Python itself takes.
    """

    seconds: float = 60.0
    memory_bytes: int = 4 << 30
