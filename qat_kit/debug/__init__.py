"""Where an int8 file loses what its float twin knew: `compare_layers`. Neither TensorFlow nor Keras is needed.

`trying.try_remedies` looks at the trained model instead, and needs them.
"""

from __future__ import annotations

from qat_kit.debug.layers import compare_layers
from qat_kit.debug.records import DropSplit, LayerComparison, LayerError, Trial, Trials

__all__ = ["DropSplit", "LayerComparison", "LayerError", "Trial", "Trials", "compare_layers"]
