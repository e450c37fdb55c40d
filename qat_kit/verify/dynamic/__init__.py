"""What a file answers when it is run: against the simulator, its manifest, its training, and itself.

The checks (`checks.run_checks`) bring SciPy in, so they are imported where a file is run.
"""

from __future__ import annotations

from qat_kit.verify.dynamic.request import RunRequest

__all__ = ["RunRequest"]
