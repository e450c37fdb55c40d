"""What is in a `.tflite` file: shown (`inspect`), drawn (`as_html`), and held against another
(`compare_files`).

Nothing here needs TensorFlow. Only `reproduction` runs a file, in child processes.
"""

from __future__ import annotations

from qat_kit.inspection.difference import Change, Difference, compare_files
from qat_kit.inspection.inspecting import inspect
from qat_kit.inspection.page import as_html
from qat_kit.inspection.records import InspectedGraph, InspectedOperator, InspectedTensor, Inspection

__all__ = [
    "Change",
    "Difference",
    "InspectedGraph",
    "InspectedOperator",
    "InspectedTensor",
    "Inspection",
    "as_html",
    "compare_files",
    "inspect",
]
