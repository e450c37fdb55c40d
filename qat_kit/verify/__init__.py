"""Proof about a `.tflite` file: `verify` examines it, without TensorFlow."""

from qat_kit.verify.certificate import verify

__all__ = ["verify"]
