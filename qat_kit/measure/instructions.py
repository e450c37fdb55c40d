"""Instructions of one inference, through valgrind's callgrind: `count_instructions`."""

from __future__ import annotations

import mmap
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from qat_kit.errors import ModelCrashError, SettingsError
from qat_kit.litert.model_file import read_model
from qat_kit.litert.runtime import LIBRARY
from qat_kit.measure.counted import READINGS
from qat_kit.results import Instructions
from qat_kit.vocabulary import KernelSet

# What belongs to Python and to the way into the runtime, not to the inference.
_OF_PYTHON = re.compile(r"^(lib)?python|^_ctypes|^libffi|^\?\?\?$")
_PYBIND = "pybind11::"
_FUNCTIONS_AT_MOST, _SECONDS = 12, 600.0
# Valgrind stops at AVX2 with FMA. Source: valgrind's manual, section 2.12, and VEX/priv/guest_amd64_toIR.c.
_HIDDEN = re.compile(r"^(avx512|avx_vnni|avx10|amx)")
# Of a C++ function's name, and callgrind's mark of recursion.
_PARAMETERS = re.compile(r"(\((?!anonymous).*|'\d+$)")
_UKERNEL = re.compile(r"^(xnn_\w+?_ukernel)_")


def count_instructions(path: Path, *, kernel_set: KernelSet = "xnnpack") -> Instructions:
    """Instructions of one inference on zeros at batch 1 and one thread, in a process of its own, counted three times.

    They are counts and no times: two microkernels of as many instructions may take different times. The last of
    the three readings is given, should they differ. Takes some ten seconds.

    Raises SettingsError where valgrind is missing or the processor is not x86-64, ModelFileError for a file that cannot
    be read, ModelCrashError where it could not be run.
    """
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise SettingsError("instructions are counted by valgrind, which is not installed: apt-get install valgrind")
    read_model(path)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "callgrind"
        command = [
            *(valgrind, "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={out}"),
            *("--compress-strings=no", "--compress-pos=no", "--quiet"),
            *(sys.executable, "-P", "-m", "qat_kit.measure.counted", str(path), kernel_set),
        ]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "PYTHONHASHSEED": "0",
            "OPENBLAS_NUM_THREADS": "1",
        }
        try:
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise ModelCrashError(f"counting the instructions of {path} took longer than {_SECONDS:g} s") from None
        parts = [Path(f"{out}.{number}") for number in range(1, READINGS + 1)]
        if done.returncode or not all(part.is_file() for part in parts):
            words = " | ".join(line.strip() for line in done.stderr.splitlines() if line.strip())[-400:]
            raise ModelCrashError(f"counting the instructions of {path} failed (exit code {done.returncode}): {words}")
        readings = [read_callgrind(part.read_text(encoding="utf-8", errors="replace").splitlines()) for part in parts]
    # The first reading may still find something unsettled.
    last = readings[-1]
    functions = dict(last.most_common(_FUNCTIONS_AT_MOST))
    hidden = hidden_features()
    return Instructions(
        kernel_set=kernel_set,
        count=last.total(),
        functions=functions,
        hidden_features=hidden,
        hidden_microkernels=hidden_microkernels(functions) if hidden else (),
    )


def read_callgrind(lines: Iterable[str]) -> Counter[str]:
    """Instructions by function, Python's own left out, of one part of callgrind's output without compression.

    Source: valgrind's manual, section "Callgrind Format Specification".

    >>> text = ["ob=/lib/libx.so", "fn=f", "0 7", "cfn=g", "calls=1 0", "0 99", "fn=g", "0 3", "ob=/lib/libpython3.so",
    ...     "fn=h", "0 5"]
    >>> dict(read_callgrind(text))
    {'f': 7, 'g': 3}
    """
    found: Counter[str] = Counter()
    library, function, of_call = "", "", False
    for line in lines:
        if line.startswith("ob="):
            library = Path(line[3:]).name
        elif line.startswith("fn="):
            function = line[3:]
        elif line.startswith("calls="):
            # What the next line says was counted in the function that is called.
            of_call = True
        elif line[:1].isdigit():
            if not of_call and not _OF_PYTHON.search(library) and _PYBIND not in function:
                found[_PARAMETERS.sub("", function)] += int(line.split()[1])
            of_call = False
    return found


def hidden_features() -> tuple[str, ...]:
    """What this processor can do and valgrind hides from what it runs."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ()
    flags = next((line.split(":", 1)[1].split() for line in lines if line.startswith("flags")), [])
    return tuple(sorted(flag for flag in flags if _HIDDEN.search(flag)))


def hidden_microkernels(functions: Iterable[str]) -> tuple[str, ...]:
    """Of the kinds of microkernels that were counted, those that the runtime has for features that valgrind hides."""
    kinds = {match[1] for name in functions if (match := _UKERNEL.match(name))}
    if not kinds:
        return ()
    wanted = re.compile(
        rb"\b(?:" + b"|".join(re.escape(kind.encode()) for kind in sorted(kinds)) + rb")_\w*__avx(?:512|256|vnni)\w*"
    )
    with LIBRARY.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return tuple(sorted({match.group().decode("ascii") for match in wanted.finditer(content)}))
