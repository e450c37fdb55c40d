"""TFLiteConverter in a process of its own, and the artifact that comes of it."""

from qat_kit.convert.artifact import build_manifest, publish
from qat_kit.convert.converter import convert
from qat_kit.convert.golden import golden_vectors
from qat_kit.convert.metadata import write_metadata

__all__ = ["build_manifest", "convert", "golden_vectors", "publish", "write_metadata"]
