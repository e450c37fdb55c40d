"""A measurement that is stopped in the middle: what was known until then is in its file, and marked partial."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from qat_kit.results import Measurement
from tests.support.tflite import int8_network

NUM_SAMPLES = 60


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files and labelled samples for them."""
    for seed, name in enumerate(("a.tflite", "b.tflite")):
        (tmp_path / name).write_bytes(int8_network(seed=seed))
    random = np.random.default_rng(0)
    labels = np.arange(NUM_SAMPLES) % 3
    np.savez(tmp_path / "data.npz", inputs=random.random((NUM_SAMPLES, 4, 4, 2), np.float32), labels=labels)
    return tmp_path


def stopped(
    folder: Path, *arguments: str, once: Callable[[Measurement], bool], stop: Callable[[int], None]
) -> tuple[int, str]:
    """Starts qat-kit in a process group of its own and stops it once its file tells enough: exit code and stderr."""
    out = folder / "out.json"
    command = [sys.executable, "-m", "qat_kit.cli", *arguments, "--data", "data.npz", "--scores", "probabilities"]
    with subprocess.Popen(
        [*command, "--runs", "5", "--out", str(out)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    ) as process:
        deadline = time.monotonic() + 60
        while not (out.exists() and once(Measurement.load(out))):
            assert process.poll() is None, process.stderr.read()  # type: ignore[union-attr]  # a pipe
            assert time.monotonic() < deadline
            time.sleep(0.02)
        stop(process.pid)
        _, said = process.communicate(timeout=30)
    return process.returncode, said


def test_a_measurement_that_is_terminated_keeps_its_latency(folder: Path) -> None:
    code, said = stopped(
        folder,
        *("measure", "a.tflite", "--draws", "1000000"),  # for hours
        once=lambda found: True,
        stop=lambda process: os.kill(process, signal.SIGTERM),
    )
    assert code == 130
    assert "out.json: kept what was measured until then, marked partial: latency of 1 file(s), quality of 0" in said
    assert "interrupted" in said
    assert "Traceback" not in said
    found = Measurement.load(folder / "out.json")
    assert found.is_partial
    assert found["a.tflite"].latency.num_runs == 5
    assert found["a.tflite"].quality is None


def test_a_comparison_interrupted_by_the_terminal_keeps_the_files_that_were_judged(folder: Path) -> None:
    """Ctrl-C reaches the process that measures too."""
    code, said = stopped(
        folder,
        *("compare", "a.tflite", "b.tflite", "--draws", "200"),
        once=lambda found: found.models[0].quality is not None,
        stop=lambda process: os.killpg(process, signal.SIGINT),
    )
    assert code == 130
    assert "latency of 2 file(s), quality of 1" in said
    assert "Traceback" not in said
    found = Measurement.load(folder / "out.json")
    assert found.is_partial
    first, second = found.models
    assert first.quality is not None
    assert first.quality.num_samples == NUM_SAMPLES
    assert second.quality is None
    assert second.latency.num_runs == 5
    assert found.paired == ()
