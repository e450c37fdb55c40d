"""What Vela says of a file, and clear words where it cannot."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from qat_kit.errors import ModelFileError, SettingsError
from qat_kit.measure.ethos_u import ethos_u_cost
from tests.support.tflite import int8_network


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.tflite"
    path.write_bytes(int8_network())
    return path


def test_a_larger_accelerator_takes_no_more_cycles(model: Path) -> None:
    small, large = (ethos_u_cost(model, accelerator=name) for name in ("ethos-u55-32", "ethos-u55-256"))
    assert 0 < large.npu_cycles <= small.npu_cycles
    assert small.npu_cycles <= small.cycles
    assert small.inference_ms == pytest.approx(small.cycles / small.clock_mhz / 1000, rel=1e-3)
    assert small.npu_operators > 0


def test_what_cannot_be_told(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match=r"Vela: .*ethos-u99"):
        ethos_u_cost(model, accelerator="ethos-u99")
    with pytest.raises(ModelFileError):
        ethos_u_cost(tmp_path / "none.tflite")
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(SettingsError, match=r"pip install 'qat-kit\[ethos-u\]'"):
        ethos_u_cost(model)
