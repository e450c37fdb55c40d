"""One converting process for many conversions: `ConverterServer`. `python -m qat_kit.convert.server` is its child.

Importing TensorFlow takes longer than converting a small model, so that a process for each file of a training would
cost more than the training. The converter leaks memory with each call, so that the process is replaced now and then.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import IO

from qat_kit.convert.diagnosis import said
from qat_kit.convert.job import Job
from qat_kit.convert.process import Limits
from qat_kit.errors import ConversionError

_DONE = "done"


class ConverterServer:
    """Converts jobs in a child process, which starts with the first one; use it in a `with` statement.

    max_conversions: after so many the child is replaced. limits: of one conversion; memory is not watched.
    """

    def __init__(self, *, max_conversions: int = 50, limits: Limits | None = None) -> None:
        self._max_conversions, self._limits = max_conversions, limits or Limits()
        self._child: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None
        self._num_conversions = 0

    def __enter__(self) -> ConverterServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def convert(self, job: Job) -> Path:
        """Writes `job.output` and returns it; raises ConversionError when it fails, dies or takes too long."""
        if self._num_conversions >= self._max_conversions:
            self.close()
        child = self._child or self._start()
        with tempfile.TemporaryDirectory(prefix="qat_kit_convert_") as folder:
            answer = self._ask(child, job.save(Path(folder) / "job.json"))
        if answer != _DONE:
            output = self._output()
            self.close()
            raise ConversionError(f"conversion ({job.mode}) failed: {answer or said(output)}")
        self._num_conversions += 1
        return job.output

    def close(self) -> None:
        """Ends the child, if there is one."""
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
        if self._log is not None:
            self._log.close()
        self._child, self._log, self._num_conversions = None, None, 0

    def _start(self) -> subprocess.Popen[bytes]:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # closed by `close`
        self._child = subprocess.Popen(
            [sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log
        )
        return self._child

    def _ask(self, child: subprocess.Popen[bytes], job: Path) -> str:
        """The child's answer; empty where it died."""
        if child.stdin is None or child.stdout is None:
            raise ConversionError("the converting process has no pipes")
        try:
            child.stdin.write(f"{job}\n".encode())
            child.stdin.flush()
        except BrokenPipeError:
            return ""
        deadline = time.monotonic() + self._limits.time_s
        line = b""
        with selectors.DefaultSelector() as selector:
            selector.register(child.stdout, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    return f"it took longer than {self._limits.time_s:g} s and was stopped; allow it more time"
                part = os.read(child.stdout.fileno(), 65536)
                if not part:
                    return ""
                line += part
        return line.decode(errors="replace").strip()

    def _output(self) -> str:
        """What the child printed."""
        if self._log is None:
            return ""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")


def serve() -> None:
    """Answers each line, the path of a job, with "done" or with what went wrong."""
    # What C++ prints must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    from qat_kit.convert.worker import run

    for line in sys.stdin:
        try:
            run(Job.load(Path(line.strip())))
            answer = _DONE
        except Exception as error:  # whatever the converter raises is told to the parent
            traceback.print_exc()
            answer = (str(error).strip().splitlines() or [repr(error)])[-1]
        answers.write(f"{answer}\n")
        answers.flush()


if __name__ == "__main__":
    serve()
