"""The child's end of `Child`: takes its limits, then answers questions until there are no more."""

from __future__ import annotations

import json
import math
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qat_kit.errors import QatKitError
from qat_kit.litert.messages import HEADER, Arrays, pack, unpack

Handler = Callable[[dict[str, Any], Arrays], tuple[dict[str, Any], Arrays]]

# What a child may print before it is stopped.
_CHATTER_BYTES = 16 << 20


def serve(open_handler: Callable[[], Handler]) -> None:
    """Answers the parent's questions.

    open_handler: called once the limits stand; it gives the function from a question to its answer. A QatKitError of it
    goes to the parent with its words; any other ends the process.
    """
    settings = json.loads(sys.argv[1])
    questions, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    # LiteRT prints to the descriptors; the way to the parent is not theirs.
    os.dup2(2, 1)
    handler = open_handler()
    _limit(resource.RLIMIT_AS, _address_space() + int(settings["memory_bytes"]))
    _limit(resource.RLIMIT_FSIZE, _CHATTER_BYTES)
    _limit(resource.RLIMIT_CORE, 0)
    answers.write(pack({"ready": True}))
    answers.flush()
    while header := questions.read(HEADER.size):
        length, text_length = HEADER.unpack(header)
        facts, arrays = unpack(text_length, questions.read(length))
        # The parent keeps the time. Should it be killed, the kernel does.
        used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
        allowed = used + (os.cpu_count() or 1) * float(settings["seconds"]) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(allowed), resource.RLIM_INFINITY))
        try:
            answer = pack(*handler(facts, arrays))
        except QatKitError as error:
            answer = pack({"error": type(error).__name__, "message": str(error)})
        except MemoryError:
            answer = pack(
                {
                    "error": "ModelCrashError",
                    "message": f"more than {int(settings['memory_bytes']):,} bytes of memory were asked for",
                }
            )
        answers.write(answer)
        answers.flush()


def _limit(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (bound, bound))


def _address_space() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
