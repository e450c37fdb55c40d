"""TFLiteConverter in a process of its own, and the artifact that comes of it."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qat_kit.convert.artifact import build_manifest, publish
    from qat_kit.convert.converter import convert
    from qat_kit.convert.golden import golden_vectors
    from qat_kit.convert.metadata import write_metadata

# Imported on first use: the converting process, whose modules lie here too, needs none of them and starts at once.
_HOMES = {
    "build_manifest": "artifact",
    "convert": "converter",
    "golden_vectors": "golden",
    "publish": "artifact",
    "write_metadata": "metadata",
}

__all__ = ["build_manifest", "convert", "golden_vectors", "publish", "write_metadata"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
