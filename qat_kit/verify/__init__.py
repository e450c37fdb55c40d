"""Proof about a `.tflite` file: `verify` examines it, and runs it where it is asked to, without TensorFlow."""

from qat_kit.verify.certificate import verify
from qat_kit.verify.dynamic import RunRequest

__all__ = ["RunRequest", "verify"]
