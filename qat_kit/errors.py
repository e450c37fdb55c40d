"""Every error that qat_kit raises on purpose.

    QatKitError                     exit code 2: the input was wrong
    ├── NumericsError               a value, shape or bit width that no quantization parameters fit
    ├── UnknownNameError            no such recipe, scheme, target, setting …; offers the nearest
    ├── SettingsError               a setting has the wrong type or an impossible value
    ├── SchemeError                 a scheme contradicts itself, the model or the target
    ├── ModelError                  a Keras model that cannot be taken
    │   ├── ModelNotBuiltError      … because it has no input shape yet
    │   ├── ForeignModelError       … because it is not Keras' but another library's
    │   ├── KerasFileError          … because its file is missing, damaged or of another format
    │   │   └── UnsafeModelError    … because reading the file would run code that it brings along
    │   └── UnsupportedLayerError   … because of one layer, which is named
    ├── DataError                   training, calibration or evaluation data that cannot be used
    ├── ModelFileError              a .tflite file that cannot be read or run
    │   └── ModelCrashError         … because it ends the process that runs it, or never comes to an end
    ├── NotSimulatedError           an operator's type or option that no simulated kernel computes
    ├── RecipeError                 a recipe file that cannot be loaded
    ├── ConversionError             the converter refused, crashed or ran out of time
    ├── DeviceError                 a device, emulated or real, that is not there, is not ready or was lost
    ├── OutputError                 a file or folder that cannot be written, or that another run holds
    └── GateError                   exit code 1: the work was done, and the result is not good enough
        └── CertificateError        … because the file is not what it must be

A message says what happened, what was expected and how to mend it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class QatKitError(Exception):
    """Base of all errors of qat_kit. `exit_code` is what the command line returns for it."""

    exit_code = 2


class NumericsError(QatKitError, ValueError):
    """A value, shape or bit width that no quantization parameters fit."""


class UnknownNameError(QatKitError, LookupError):
    """A name that no registry holds.

    >>> str(UnknownNameError("scheme", "w8a9", ["w8a8", "w4a16", "fp16"]))
    "there is no scheme named 'w8a9'; did you mean 'w8a8'? Known: fp16, w4a16, w8a8"
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        choices = sorted(known)
        near = difflib.get_close_matches(name, choices, n=2)
        hint = f"; did you mean {' or '.join(repr(choice) for choice in near)}?" if near else "."
        super().__init__(f"there is no {kind} named {name!r}{hint} Known: {', '.join(choices) or 'none'}")
        self.kind, self.name, self.known = kind, name, tuple(choices)

    def __reduce__(self) -> tuple[type[UnknownNameError], tuple[str, str, tuple[str, ...]]]:
        return type(self), (self.kind, self.name, self.known)


class SettingsError(QatKitError, ValueError):
    """A setting has the wrong type or an impossible value."""


class SchemeError(QatKitError, ValueError):
    """A scheme contradicts itself, the model or the target."""


class ModelError(QatKitError, ValueError):
    """A Keras model that cannot be taken."""


class ModelNotBuiltError(ModelError):
    """A model that has no input shape yet."""


class ForeignModelError(ModelError):
    """A model of another library: PyTorch, ONNX, scikit-learn, …"""


class KerasFileError(ModelError):
    """A file or folder that no Keras model can be read from."""


class UnsafeModelError(KerasFileError):
    """A file whose reading would run code that it brings along, without the user having said so."""


class UnsupportedLayerError(ModelError):
    """A model that cannot be taken because of one layer.

    >>> error = UnsupportedLayerError("conv3d", "Conv3D", "Use Conv2D over a folded depth axis.")
    >>> str(error)
    "layer 'conv3d' (Conv3D) cannot be quantized. Use Conv2D over a folded depth axis."
    """

    def __init__(self, layer: str, kind: str, remedy: str) -> None:
        super().__init__(f"layer {layer!r} ({kind}) cannot be quantized. {remedy}")
        self.layer, self.kind, self.remedy = layer, kind, remedy

    def __reduce__(self) -> tuple[type[UnsupportedLayerError], tuple[str, str, str]]:
        return type(self), (self.layer, self.kind, self.remedy)


def nearest(what: str, name: str, known: Iterable[str]) -> str:
    """A sentence that offers the nearest of many names, for a message that would drown in all of them.

    >>> nearest("layers", "Conv4D", ["Conv1D", "Conv2D", "Conv3D", "Dense", "Flatten"])
    'The nearest of the 5 layers that can be: Conv3D, Conv2D, Conv1D.'
    >>> nearest("layers", "Hashing", ["Dense", "ReLU"])
    'None of the 2 layers that can be has a name like it; docs/coverage.md lists them.'
    """
    choices = sorted(set(known))
    near = difflib.get_close_matches(name, choices, n=3)
    if not near:
        return f"None of the {len(choices)} {what} that can be has a name like it; docs/coverage.md lists them."
    return f"The nearest of the {len(choices)} {what} that can be: {', '.join(near)}."


class DataError(QatKitError, ValueError):
    """Training, calibration or evaluation data that cannot be used."""


class ModelFileError(QatKitError, ValueError):
    """A .tflite file that cannot be read or run."""


class ModelCrashError(ModelFileError):
    """A .tflite file that ends the process that runs it, or never comes to an end."""


class NotSimulatedError(QatKitError, NotImplementedError):
    """An operator's type or option that no simulated kernel computes."""


class RecipeError(QatKitError):
    """A recipe file that cannot be loaded."""


class ConversionError(QatKitError, RuntimeError):
    """The converter refused, crashed or ran out of time."""


class DeviceError(QatKitError, RuntimeError):
    """A device, emulated or real, that is not there, is not ready or was lost."""


class OutputError(QatKitError, OSError):
    """A file or folder that cannot be written, or that another run holds."""


class GateError(QatKitError):
    """The work was done, and the result is not good enough."""

    exit_code = 1


class CertificateError(GateError):
    """The file is not what it must be."""
