"""Any Keras model → one flat Functional tf_keras model whose every layer can be quantized."""

from qat_kit.prepare.intake import take_model
from qat_kit.prepare.keras3 import as_tf_keras
from qat_kit.prepare.loading import load_any
from qat_kit.prepare.prepare import prepare
from qat_kit.prepare.saved_model import save_for_conversion

__all__ = ["as_tf_keras", "load_any", "prepare", "save_for_conversion", "take_model"]
