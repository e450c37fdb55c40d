"""Settings that all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# The fast suite is the same on every run: a property that fails must fail for whoever broke it, not for whoever comes
# next. `scripts/test --all` draws anew each time. How long an example takes depends on what else the machine does.
settings.register_profile("fast", deadline=None, derandomize=True)
settings.register_profile("all", deadline=None)
settings.load_profile("fast")


@pytest.fixture(scope="session")
def public_data() -> Path:
    """The folder of real datasets: $QAT_KIT_DATA, else the one beside the checkout."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("QAT_KIT_DATA", beside))
    if not (folder / "mnist.npz").is_file():
        pytest.skip(f"needs real datasets: no mnist.npz in {folder}; set QAT_KIT_DATA")
    return folder
