"""How long one inference takes: several models in turns, so that their ratio holds on a noisy machine."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np

from qat_kit.errors import SettingsError
from qat_kit.litert.interpreter import Interpreter
from qat_kit.measure.evaluate import Inputs, named_inputs
from qat_kit.measure.statistics import median_interval
from qat_kit.results import Latency
from qat_kit.vocabulary import KernelSet

# A turn is long enough for a model to settle in the caches after the others, short enough to share their noise.
RUNS_PER_TURN = 10
# How often it is looked whether the times are enough.
_TURNS_PER_LOOK = 10


@dataclass(frozen=True, kw_only=True)
class Runner:
    """One model that is ready to run: its input is set, and `invoke` is one inference and nothing else.

    init_ms, first_ms: what getting ready took, and the first inference; None where that is not known.
    """

    kernel_set: str
    num_threads: int
    invoke: Callable[[], object]
    init_ms: float | None = None
    first_ms: float | None = None


def file_runner(path: Path | str, inputs: Inputs, *, kernel_set: KernelSet = "xnnpack", num_threads: int = 1) -> Runner:
    """A `.tflite` file that holds a real sample, the first of `inputs` (as `evaluate` takes them).

    The sample matters: what an input holds before it is set may be subnormal floats, which are slow.
    """
    interpreter = Interpreter(path, kernel_set=kernel_set, num_threads=num_threads)
    named = named_inputs(interpreter, inputs)
    batch = {detail.name: detail.shape[0] if detail.shape else 1 for detail in interpreter.inputs}
    start = time.perf_counter()
    interpreter.run_real({name: array[: batch.get(name, 1)] for name, array in named.items()})
    return Runner(
        kernel_set=kernel_set,
        num_threads=num_threads,
        invoke=interpreter.invoke,
        init_ms=interpreter.init_ms,
        first_ms=1000 * (time.perf_counter() - start),
    )


def measure_latency(
    runners: Mapping[str, Runner],
    *,
    num_runs: int = 200,
    num_warm_up_runs: int = 20,
    tolerance: float | None = None,
    max_seconds: float = 60.0,
) -> dict[str, Latency]:
    """Times every runner `num_runs` times after its warm-up, in turns of RUNS_PER_TURN.

    Each turn starts with one run that is not counted, and the order of the runners goes round from turn to turn.
    The garbage collector rests meanwhile. tolerance: go on until the interval of every median is within this share of
    it on either side, or `max_seconds` have passed since the first turn.

    Returns name → latency in ms. Raises SettingsError without runners, or for counts that are impossible.
    """
    if not runners:
        raise SettingsError("there is nothing to measure: give at least one runner")
    if num_runs < 1 or num_warm_up_runs < 0:
        raise SettingsError(
            f"num_runs must be 1 or more and num_warm_up_runs 0 or more, received {num_runs} and {num_warm_up_runs}"
        )
    if tolerance is not None and not 0 < tolerance < 1:
        raise SettingsError(f"tolerance is a share of the median, between 0 and 1; received {tolerance}")
    times_ns: dict[str, list[int]] = {name: [] for name in runners}
    with _collector_paused():
        warm_ups = {name: _timed(runner.invoke, num_warm_up_runs) for name, runner in runners.items()}
        end = time.monotonic() + max_seconds
        for names, num_times in _turns(list(runners), num_runs, unending=tolerance is not None):
            for name in names:
                runners[name].invoke()
                times_ns[name] += _timed(runners[name].invoke, num_times)
            if tolerance is not None and _is_enough(times_ns, num_runs, tolerance, end):
                break
    return {name: _summary(runner, times_ns[name], warm_ups[name]) for name, runner in runners.items()}


def _turns(names: list[str], num_runs: int, *, unending: bool) -> Iterator[tuple[list[str], int]]:
    for turn in count() if unending else range(-(-num_runs // RUNS_PER_TURN)):
        first = turn % len(names)
        left = RUNS_PER_TURN if unending else num_runs - turn * RUNS_PER_TURN
        yield [*names[first:], *names[:first]], min(RUNS_PER_TURN, left)


def _is_enough(times_ns: Mapping[str, list[int]], num_runs: int, tolerance: float, end: float) -> bool:
    """Whether time is up or every median is known well enough; looked at once in a while, since sorting takes time."""
    done = min(map(len, times_ns.values()))
    if done < num_runs or done % (RUNS_PER_TURN * _TURNS_PER_LOOK):
        return False
    return time.monotonic() > end or all(_is_tight(times, tolerance) for times in times_ns.values())


def _is_tight(times_ns: list[int], tolerance: float) -> bool:
    ordered = np.sort(np.asarray(times_ns, np.float64))
    low, high = median_interval(ordered)
    middle = float(np.median(ordered))
    return max(high - middle, middle - low) <= tolerance * middle


def _timed(invoke: Callable[[], object], count: int) -> list[int]:
    clock = time.perf_counter_ns
    times = []
    for _ in range(count):
        start = clock()
        invoke()
        times.append(clock() - start)
    return times


def _summary(runner: Runner, times_ns: list[int], warm_up_ns: list[int]) -> Latency:
    times_ms = np.sort(np.asarray(times_ns, np.float64) / 1e6)
    p5, p50, p90, p95, p99 = (float(value) for value in np.percentile(times_ms, [5, 50, 90, 95, 99]))
    low, high = median_interval(times_ms)
    return Latency(
        kernel_set=runner.kernel_set,
        num_threads=runner.num_threads,
        num_runs=len(times_ns),
        num_warm_up_runs=len(warm_up_ns),
        mean_ms=float(times_ms.mean()),
        std_ms=float(times_ms.std()),
        min_ms=float(times_ms[0]),
        p5_ms=p5,
        p50_ms=p50,
        p50_low_ms=low,
        p50_high_ms=high,
        p90_ms=p90,
        p95_ms=p95,
        p99_ms=p99,
        max_ms=float(times_ms[-1]),
        init_ms=runner.init_ms,
        first_ms=runner.first_ms,
        warm_up_mean_ms=sum(warm_up_ns) / len(warm_up_ns) / 1e6 if warm_up_ns else None,
    )


@contextmanager
def _collector_paused() -> Iterator[None]:
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
