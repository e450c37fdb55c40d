"""The console, and nothing of TensorFlow's own chatter on it."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from rich import box
from rich.console import Console
from rich.table import Table

from qat_kit.errors import OutputError


class Screen(Console):
    """A console that leaves a closed pipe to its caller; rich would end the process with the code of a failed gate."""

    def on_broken_pipe(self) -> None:
        # rich calls this while it handles the BrokenPipeError.
        raise


@contextmanager
def chatter_to(log: Path) -> Iterator[tuple[TextIO, TextIO]]:
    """Sends whatever this process prints to a log file, C++ included; yields the real stdout and stderr.

    TensorFlow and LiteRT write to the file descriptors, past Python's streams. What ends the work early is written
    into the log too, with its traceback.
    """
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        target = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o644)
    except OSError as error:
        raise OutputError(
            f"could not write to {log.parent}: {error.strerror}. Choose a folder that you may write to with --out"
        ) from None
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(number) for number in (1, 2)]
    streams = [os.fdopen(os.dup(number), "w", encoding="utf-8", errors="backslashreplace") for number in kept]
    try:
        for number in (1, 2):
            os.dup2(target, number)
        yield streams[0], streams[1]
    except BaseException:
        # The disk may be what is full.
        with suppress(OSError):
            os.write(target, traceback.format_exc().encode())
        raise
    finally:
        # The disk may be full, and the reader of a pipe gone.
        for stream in (sys.stdout, sys.stderr, *streams):
            with suppress(OSError):
                stream.flush()
        for stream in streams:
            with suppress(OSError):
                stream.close()
        for number, original in zip((1, 2), kept, strict=True):
            os.dup2(original, number)
            os.close(original)
        os.close(target)


def table_of(*titles: str) -> Table:
    """A table with a rule under its titles and none around it."""
    return Table(*titles, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
