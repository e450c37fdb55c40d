"""Every runner is run as often as was asked, in turns, and nothing else is timed."""

from __future__ import annotations

import gc
import time
from pathlib import Path

import numpy as np
import pytest

from qat_kit.errors import DataError, SettingsError
from qat_kit.measure import Runner, file_runner, measure_latency
from qat_kit.measure.latency import RUNS_PER_TURN
from tests.support.tflite import int8_network


def recorder(calls: list[str], name: str) -> Runner:
    return Runner(kernel_set="none", num_threads=1, invoke=lambda: calls.append(name))


def test_turns_go_round() -> None:
    calls: list[str] = []
    latencies = measure_latency(
        {name: recorder(calls, name) for name in "ab"}, num_runs=RUNS_PER_TURN + 3, num_warm_up_runs=2
    )
    turn = RUNS_PER_TURN + 1  # one that settles, then those that count
    assert "".join(calls) == "aabb" + "a" * turn + "b" * turn + "b" * 4 + "a" * 4
    assert {latency.num_runs for latency in latencies.values()} == {RUNS_PER_TURN + 3}
    assert {latency.num_warm_up_runs for latency in latencies.values()} == {2}


def test_a_known_time_is_measured() -> None:
    nap = Runner(kernel_set="nap", num_threads=3, invoke=lambda: time.sleep(0.002))
    latency = measure_latency({"nap": nap}, num_runs=20, num_warm_up_runs=0)["nap"]
    assert (latency.kernel_set, latency.num_threads) == ("nap", 3)
    assert 2.0 <= latency.min_ms <= latency.p50_ms <= latency.p90_ms <= latency.p99_ms < 50
    assert latency.min_ms <= latency.mean_ms <= latency.max_ms
    assert latency.min_ms <= latency.p5_ms <= latency.p50_low_ms <= latency.p50_ms <= latency.p50_high_ms
    assert latency.p90_ms <= latency.p95_ms <= latency.p99_ms <= latency.max_ms
    assert (latency.init_ms, latency.first_ms, latency.warm_up_mean_ms) == (None, None, None)


def test_it_goes_on_until_the_median_is_known() -> None:
    """To nine tenths naps are known at the first look, behind 100 runs; to a billionth never, until time is up."""
    nap = Runner(kernel_set="nap", num_threads=1, invoke=lambda: time.sleep(0.0005))
    steady = measure_latency({"nap": nap}, num_runs=20, num_warm_up_runs=1, tolerance=0.9)["nap"]
    assert steady.num_runs == 100
    assert steady.warm_up_mean_ms is not None
    assert steady.warm_up_mean_ms >= 0.5
    start = time.monotonic()
    wavering = measure_latency({"nap": nap}, num_runs=20, tolerance=1e-9, max_seconds=0.3)["nap"]
    assert wavering.num_runs % 100 == 0
    assert time.monotonic() - start >= 0.3
    with pytest.raises(SettingsError, match="a share of the median, between 0 and 1; received 2"):
        measure_latency({"nap": nap}, tolerance=2)


@pytest.mark.parametrize("enabled", [True, False])
def test_the_garbage_collector_rests_and_is_left_as_it_was(enabled: bool) -> None:
    seen: list[bool] = []
    was_enabled = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        runner = Runner(kernel_set="none", num_threads=1, invoke=lambda: seen.append(gc.isenabled()))
        measure_latency({"a": runner}, num_runs=3, num_warm_up_runs=1)
        assert gc.isenabled() == enabled
    finally:
        (gc.enable if was_enabled else gc.disable)()
    assert seen == [False] * 5


def test_the_collector_comes_back_after_an_error() -> None:
    def fail() -> None:
        raise RuntimeError("the model fell over")

    with pytest.raises(RuntimeError, match="fell over"):
        measure_latency({"a": Runner(kernel_set="none", num_threads=1, invoke=fail)})
    assert gc.isenabled()


def test_impossible_counts_are_refused() -> None:
    runner = recorder([], "a")
    with pytest.raises(SettingsError, match="nothing to measure"):
        measure_latency({})
    with pytest.raises(SettingsError, match="received 0 and 20"):
        measure_latency({"a": runner}, num_runs=0)
    with pytest.raises(SettingsError, match="received 5 and -1"):
        measure_latency({"a": runner}, num_runs=5, num_warm_up_runs=-1)


def test_a_file_is_timed_on_the_kernels_that_were_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(int8_network())
    sample = np.zeros((3, 4, 4, 2), np.float32)
    runners = {
        "reference": file_runner(path, (sample,), kernel_set="reference"),
        "xnnpack": file_runner(path, sample, num_threads=2),
    }
    latencies = measure_latency(runners, num_runs=20, num_warm_up_runs=1)
    assert (latencies["reference"].kernel_set, latencies["reference"].num_threads) == ("reference", 1)
    assert (latencies["xnnpack"].kernel_set, latencies["xnnpack"].num_threads) == ("xnnpack", 2)
    assert all(latency.init_ms and latency.first_ms for latency in latencies.values())
    with pytest.raises(DataError, match="1 inputs and 2 arrays were given"):
        file_runner(path, (sample, sample))
