"""What was measured reaches its file stage by stage, so that an interruption leaves what was known until then."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from qat_kit.cli.app import say_red
from qat_kit.errors import QatKitError

if TYPE_CHECKING:
    from qat_kit.results import Measurement


@contextmanager
def keeping(out: Path | None) -> Iterator[Callable[[Measurement], None]]:
    """Yields what writes each state of a measurement to `out`; SIGTERM ends what is done within as Ctrl-C does.

    Where that is ended early, by a signal or an error, it says what `out` holds.
    """
    kept: Measurement | None = None

    def keep(measurement: Measurement) -> None:
        nonlocal kept
        kept = measurement
        if out is not None:
            measurement.save(out)

    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield keep
    except (KeyboardInterrupt, QatKitError):
        if out is not None and kept is not None:
            kept.save(out)  # it may have been stopped in the midst of this
            judged = sum(model.quality is not None for model in kept.models)
            say_red(
                f"{out}: kept what was measured until then, marked partial: latency of {len(kept.models)} file(s), "
                f"quality of {judged}"
            )
        raise
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


def write_benchmark(measurement: Measurement, path: Path | None) -> None:
    """Latency in the shape of LiteRT's benchmark tool, if a file was named for it."""
    if path is None:
        return
    from qat_kit.files import write_text
    from qat_kit.results import BenchmarkResults, benchmark_result

    found = BenchmarkResults(tuple(benchmark_result(model) for model in measurement.models))
    write_text(path, found.model_dump_json(indent=2, exclude_none=True) + "\n")


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt
