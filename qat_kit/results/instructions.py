"""Counted, not timed: instructions of an inference."""

from __future__ import annotations

import pydantic

from qat_kit.results.record import Record


class Instructions(Record):
    """Instructions of one inference at batch 1, one thread, as valgrind's callgrind counts them: the same every time.

    count: of everything but Python. functions: the largest shares by their names, so by microkernel, not by operator.
    hidden_features: of this processor, what valgrind hides; hidden_microkernels: of the kinds that were counted, what
    the runtime has for these features. Where there are any, what is timed may be another microkernel.
    """

    kernel_set: str
    count: int
    functions: dict[str, int]
    hidden_features: tuple[str, ...] = ()
    hidden_microkernels: tuple[str, ...] = pydantic.Field(default=())


class Throughput(Record):
    """Samples a second at one batch size. refusal: why the file does not take that many at once; the rate is 0 then."""

    batch: int
    samples_per_second: float = 0.0
    refusal: str = ""
