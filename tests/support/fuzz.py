"""Files damaged on purpose, and a watch over whoever reads them (`scripts/fuzz`).

A file is spoilt where its structure stands, not in its weights, whose every value is as good as any other.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qat_kit.errors import QatKitError
from qat_kit.litert.child import Limits
from qat_kit.litert.model_file import read_model
from qat_kit.verify import RunRequest, verify
from tests.support.tflite import int8_network, shared_files

# No file here is read for longer than a moment, or it hangs.
SECONDS_AT_MOST = 10.0
_TELLING = (0, 1, 2, 4, 8, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)


@dataclass(frozen=True, eq=False)
class Original:
    """A file that is whole, and the places of its structure: all but the values of its constants."""

    name: str
    data: bytes
    places: NDArray[np.int64]

    @classmethod
    def of(cls, name: str, data: bytes) -> Original:
        kept = np.ones(len(data), bool)
        for graph in read_model(data).subgraphs:
            for tensor in graph.tensors:
                if tensor.num_constant_bytes > 64:
                    stored: Any = tensor._constant
                    start = stored.ctypes.data - np.frombuffer(data, np.uint8).ctypes.data
                    kept[start : start + stored.size] = False
        return cls(name, data, np.flatnonzero(kept))


def originals() -> list[Original]:
    """The real files, and one of our own; that one alone where there are none."""
    files = [(path.name, path.read_bytes()) for path in shared_files()]
    return [Original.of(name, data) for name, data in (*files, ("made for a test", int8_network()))]


def mutated(original: Original, others: Sequence[Original], random: np.random.Generator) -> bytes:
    """The file, spoilt in one way, more seldom in two or more: one that stays whole elsewhere gets the furthest."""
    data = bytearray(original.data)
    for _ in range(random.geometric(0.7)):
        if len(data) < 16:
            break
        place = min(int(random.choice(original.places)), len(data) - 8)
        MUTATORS[random.integers(len(MUTATORS))](data, place, others, random)
    return bytes(data)


def _flip_bits(data: bytearray, place: int, _: Any, random: np.random.Generator) -> None:
    for bit in random.integers(0, 64, random.integers(1, 4)):
        data[place + bit // 8] ^= 1 << bit % 8


def _set_byte(data: bytearray, place: int, _: Any, random: np.random.Generator) -> None:
    data[place] = random.integers(256)


def _set_number(data: bytearray, place: int, _: Any, random: np.random.Generator) -> None:
    """A length, an index or an offset that tells: a limit of its type, or of the file."""
    width = int(random.choice((1, 2, 4, 8)))
    start = place - place % width
    telling = (*_TELLING, len(data), len(data) - start, start, -start, -4, 1 << 62)
    value = int(telling[random.integers(len(telling))])
    data[start : start + width] = (value % (1 << 8 * width)).to_bytes(width, "little")


def _copy_number(data: bytearray, place: int, _: Any, random: np.random.Generator) -> None:
    """Four bytes from elsewhere: an offset that was right where it stood."""
    start, source = place - place % 4, int(random.integers(len(data) // 4)) * 4
    data[start : start + 4] = data[source : source + 4].ljust(4, b"\0")[:4]


def _nudge_number(data: bytearray, place: int, _: Any, random: np.random.Generator) -> None:
    start = place - place % 4
    value = int.from_bytes(data[start : start + 4], "little") + int(random.integers(-16, 17))
    data[start : start + 4] = (value % (1 << 32)).to_bytes(4, "little")


def _cut_off(data: bytearray, place: int, _: Any, random: np.random.Generator) -> None:
    del data[max(8, int(random.choice((place, len(data) - 1 - random.integers(64))))) :]


def _cut_out(data: bytearray, place: int, _: Any, random: np.random.Generator) -> None:
    del data[place : place + int(random.integers(1, 33))]


def _put_in(data: bytearray, place: int, _: Any, random: np.random.Generator) -> None:
    data[place:place] = random.bytes(int(random.integers(1, 33)))


def _fill(data: bytearray, place: int, _: Any, random: np.random.Generator) -> None:
    length = min(int(random.integers(1, 129)), len(data) - place)
    data[place : place + length] = bytes([int(random.choice((0, 0xFF, 0x7F)))]) * length


def _splice(data: bytearray, place: int, others: Sequence[Original], random: np.random.Generator) -> None:
    """The rest of another file, or a piece of it."""
    other = others[random.integers(len(others))].data
    start, length = int(random.integers(len(other))), int(random.integers(1, 2049))
    data[place : place + length] = other[start : start + length]


MUTATORS: tuple[Callable[[bytearray, int, Any, np.random.Generator], None], ...] = (
    _flip_bits,
    _flip_bits,
    _set_byte,
    _set_number,
    _set_number,
    _copy_number,
    _nudge_number,
    _cut_off,
    _cut_out,
    _put_in,
    _fill,
    _splice,
)


class HangError(BaseException):
    """The reader took too long; no `except Exception` may swallow it."""


@contextmanager
def watched(seconds: float) -> Iterator[None]:
    """Raises HangError in what takes longer."""

    def stop(*_: Any) -> None:
        raise HangError(f"took longer than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@dataclass
class Tally:
    """What became of the damaged files. failures: what neither read nor refused, with the bytes."""

    read: int = 0
    refused: int = 0
    slowest_s: float = 0.0
    failures: list[tuple[str, bytes]] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)


def fuzz(
    target: Callable[[bytes], object],
    count: int,
    *,
    seed: int = 0,
    seconds: float = SECONDS_AT_MOST,
    say: Callable[[int, Tally], None] = lambda *_: None,
) -> Tally:
    """Gives `target` damaged files; those of little structure more often, for they are read sooner."""
    random = np.random.default_rng(seed)
    files = originals()
    weights = np.array([original.places.size**-0.5 for original in files])
    tally = Tally()
    for number in range(count):
        original = files[random.choice(len(files), p=weights / weights.sum())]
        data = mutated(original, files, random)
        start = time.perf_counter()
        try:
            with watched(seconds):
                target(data)
            tally.read += 1
        except QatKitError as error:
            tally.refused += 1
            tally.reasons[type(error).__name__] += 1
        except (Exception, HangError) as error:
            tally.failures.append((f"{original.name}: {type(error).__name__}: {error}", data))
        tally.slowest_s = max(tally.slowest_s, time.perf_counter() - start)
        say(number + 1, tally)
    return tally


def read_all(data: bytes) -> None:
    """Reads a file, decodes every constant, and describes it as `inspect` does."""
    from qat_kit.inspection import as_html, inspect

    for graph in read_model(data).subgraphs:
        for tensor in graph.tensors:
            _ = tensor.data
    as_html(inspect(data), name="x").encode()
    inspect(data).model_dump_json()


# A child is started a kernel set, one for the simulator, and one to look where they differ; each may take so long.
RUN_LIMITS = Limits(seconds=5.0, memory_bytes=1 << 30)
RUN_SECONDS_AT_MOST = 120.0


def run_all(data: bytes) -> None:
    """Certifies a file that can be read, and runs it, as `verify --run` does."""
    verify(data, run=RunRequest(num_random=2, limits=RUN_LIMITS, max_simulated_macs=20_000_000)).model_dump_json()
