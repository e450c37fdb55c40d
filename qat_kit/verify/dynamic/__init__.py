"""What a file answers when it is run: against the simulator, its manifest, its training, and itself."""

from __future__ import annotations

from qat_kit.verify.dynamic.checks import run_checks
from qat_kit.verify.dynamic.request import RunRequest

__all__ = ["RunRequest", "run_checks"]
