"""Measured apart a file gives the same figures, and one that kills its process an error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qat_kit.errors import DataError, ModelCrashError
from qat_kit.litert.child import Limits
from qat_kit.measure.apart import measure_apart
from qat_kit.measure.file import measure_file
from tests.support import hostile
from tests.support.tflite import int8_network


def test_the_quality_is_that_of_this_process(tmp_path: Path) -> None:
    path, data = tmp_path / "model.tflite", tmp_path / "data.npz"
    path.write_bytes(int8_network())
    random = np.random.default_rng(0)
    np.savez(data, inputs=random.random((50, 4, 4, 2), np.float32), labels=random.integers(0, 3, 50))
    apart = measure_apart(path, data=data, scores="probabilities", num_runs=5)
    here = measure_file(path, data=data, scores="probabilities", num_runs=5)
    assert apart.models[0].quality == here.models[0].quality
    assert apart.models[0].latency.num_runs == 5
    assert apart.environment == here.environment
    with pytest.raises(DataError, match=r"could not read .*none\.npz"):
        measure_apart(path, data=tmp_path / "none.npz")


def test_a_crash_and_a_loop_are_errors(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(hostile.without_bias())
    with pytest.raises(ModelCrashError, match=r"measuring .*model\.tflite with kernel set xnnpack .*SIGSEGV"):
        measure_apart(path)
    path.write_bytes(hostile.endless_loop())
    with pytest.raises(ModelCrashError, match="longer than 1 s"):
        measure_apart(path, limits=Limits(seconds=1.0))
