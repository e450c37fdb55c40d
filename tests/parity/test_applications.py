"""The nets of `keras.applications` of both generations: prepared, wrapped, trained a step, fully int8, certified."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.coverage import KIT_STAGES, through_kit
from tests.support.layer_zoo.applications import APPLICATIONS


@pytest.mark.slow
@pytest.mark.parametrize("name", APPLICATIONS)
def test_a_net_comes_out_fully_int8_and_certified(name: str, tmp_path: Path) -> None:
    result = through_kit(APPLICATIONS[name], tmp_path, num_samples=4)
    assert result["failed"] is None, f"{name} stopped at {result['failed']}: {result['message']}"
    assert result["reached"] == list(KIT_STAGES)
