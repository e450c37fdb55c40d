"""Quantization-aware training for Keras and export to fully int8 TFLite files, with proof.

>>> import qat_kit
>>> qat_kit.get_scheme("w8a8").weights.num_bits
8
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qat_kit.lazy import names_of
from qat_kit.version import __version__

if TYPE_CHECKING:
    from qat_kit.api import quantize
    from qat_kit.errors import QatKitError
    from qat_kit.litert.model_file import read_model
    from qat_kit.recipe import Recipe, Settings, load_recipe
    from qat_kit.run import RunResult, run
    from qat_kit.schemes import QuantScheme, get_scheme
    from qat_kit.targets import Target, get_target
    from qat_kit.verify import verify

# Where each public name lives. They are imported on first use: importing qat_kit loads no TensorFlow.
_HOMES = {
    "QatKitError": "errors",
    "QuantScheme": "schemes",
    "Recipe": "recipe",
    "RunResult": "run",
    "Settings": "recipe",
    "Target": "targets",
    "get_scheme": "schemes",
    "get_target": "targets",
    "load_recipe": "recipe",
    "quantize": "api",
    "read_model": "litert.model_file",
    "run": "run",
    "verify": "verify",
}

__all__ = [
    "QatKitError",
    "QuantScheme",
    "Recipe",
    "RunResult",
    "Settings",
    "Target",
    "__version__",
    "get_scheme",
    "get_target",
    "load_recipe",
    "quantize",
    "read_model",
    "run",
    "verify",
]
__getattr__ = names_of(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted(__all__)
