"""Where an int8 file loses what its float twin knew: `compare_layers`. Neither TensorFlow nor Keras is needed."""

from __future__ import annotations

from qat_kit.debug.layers import LayerComparison, LayerError, compare_layers

__all__ = ["LayerComparison", "LayerError", "compare_layers"]
