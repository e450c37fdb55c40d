"""What is in a `.tflite` file: shown (`inspect`) and drawn (`as_html`).

Nothing here needs TensorFlow, and nothing runs the file.
"""

from __future__ import annotations

from qat_kit.inspection.inspecting import inspect
from qat_kit.inspection.page import as_html
from qat_kit.inspection.records import InspectedGraph, InspectedOperator, InspectedTensor, Inspection

__all__ = [
    "InspectedGraph",
    "InspectedOperator",
    "InspectedTensor",
    "Inspection",
    "as_html",
    "inspect",
]
