"""What must stay true of a `.tflite` file, for people's own tests; the same as fixtures of pytest (`plugin`).

>>> from qat_kit.testing import assert_fully_int8
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qat_kit.lazy import names_of

if TYPE_CHECKING:
    from qat_kit.testing.assertions import assert_accuracy, assert_fully_int8, assert_latency_ratio, assert_parity

__all__ = ["assert_accuracy", "assert_fully_int8", "assert_latency_ratio", "assert_parity"]

# Imported on first use: pytest loads the plugin in every project beside which this package is installed.
__getattr__ = names_of(__name__, dict.fromkeys(__all__, "assertions"))
